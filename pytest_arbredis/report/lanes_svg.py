"""The geometry of a proof's lanes, in the units of an SVG: stripes, bars, labels, bands, the cuts. Pure.

A bar's label stands above it; operations of one lane whose bars or labels would touch stand below one another. What a
colour says is said by a sign or a pattern as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.report.cells import cells, fitted
from pytest_arbredis.report.chart import FAULT_ROW, LETTER, RIGHT, Box, Tick
from pytest_arbredis.report.compressed_axis import CompressedAxis, compressed_axis
from pytest_arbredis.report.lanes_text import decimals, duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.report.lanes import FaultBand, Interval, ProofLanes

LEFT = 104
MARGIN = 26
"""Room behind the last instant, for what goes on."""
WIDEST_STEP = 200
LEAST_STEP = 12
ROW = 38
BAR = 13
LANE_GAP = 8
TOP = 8
MONO = 6.7
"""Width of a letter of a label, at 11 px."""
SIGNS = {"ok": "", "fail": "✗", "unknown": "?"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """An operation: its bar, its label above it, and from where on it may still take effect."""

    x: float
    y: float
    w: float
    kind: str
    sign: str
    label: str
    label_x: float
    title: str
    open_from: float | None
    open_to: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LanesChart:
    """Everything to draw. `stripes` are the lanes, their label the process; `cuts` are where time is left out."""

    height: float
    plot_top: float
    plot_bottom: float
    stripes: tuple[Box, ...]
    bars: tuple[Bar, ...]
    faults: tuple[Box, ...]
    cuts: tuple[Box, ...]
    ticks: tuple[Tick, ...]
    more_faults: int
    description: str


def lanes_chart(lanes: ProofLanes) -> LanesChart:
    """The chart of a proof."""
    steps = max(1, len(lanes.instants) - 1)
    axis = compressed_axis(
        lanes.instants,
        width=min(RIGHT - LEFT - MARGIN, WIDEST_STEP * steps),
        cut_width=lambda ns: round(len(duration(ns)) * LETTER) + 22,
        least=LEAST_STEP,
    )
    faults, y = _faults(lanes, axis)
    plot_top = y
    stripes: list[Box] = []
    bars: list[Bar] = []
    for lane in lanes.lanes:
        rows = _stacked(lane.intervals, axis)
        height = (max(rows) + 1) * ROW + LANE_GAP
        stripes.append(Box(x=0, y=y, w=RIGHT, h=height - 2, label=lane.name))
        bars += [_bar(each, axis, lane.name, y + row * ROW) for each, row in zip(lane.intervals, rows, strict=True)]
        y += height
    return LanesChart(
        height=y + 26,
        plot_top=plot_top,
        plot_bottom=y,
        stripes=tuple(stripes),
        bars=tuple(bars),
        faults=faults,
        cuts=tuple(
            Box(x=LEFT + cut.left + 5, y=0, w=cut.right - cut.left - 10, h=0, label=duration(cut.ns))
            for cut in axis.cuts
        ),
        ticks=_ticks(axis, decimals(lanes.own_instants)),
        more_faults=lanes.more_faults,
        description=_description(lanes),
    )


def _extent(interval: Interval, axis: CompressedAxis) -> tuple[float, float]:
    """From the left end of the bar to the right end of what is drawn of it."""
    begin = LEFT + axis.columns[interval.begin_ns]
    end = LEFT + axis.columns[interval.known_until_ns]
    return begin, LEFT + axis.end + MARGIN if interval.open_ended else max(end, begin + 3)


def _label(interval: Interval, axis: CompressedAxis) -> tuple[str, float, float]:
    """The label, its left and its right end."""
    label = f"{interval.id}  {interval.label}"
    width = cells(label) * MONO
    left = min(_extent(interval, axis)[0], RIGHT - width)
    return label, left, left + width


def _stacked(intervals: Sequence[Interval], axis: CompressedAxis) -> list[int]:
    """A row for each operation of a lane: the first in which it touches nothing."""
    taken: list[float] = []
    rows: list[int] = []
    for interval in intervals:
        begin, end = _extent(interval, axis)
        _, left, right = _label(interval, axis)
        row = next((at for at, until in enumerate(taken) if until + 6 <= min(begin, left)), len(taken))
        taken[row : row + 1] = [max(end, right)]
        rows.append(row)
    return rows


def _bar(interval: Interval, axis: CompressedAxis, lane: str, y: float) -> Bar:
    label, label_x, _ = _label(interval, axis)
    begin = LEFT + axis.columns[interval.begin_ns]
    end = LEFT + axis.columns[interval.known_until_ns]
    return Bar(
        x=begin,
        y=y + 20,
        w=0 if interval.end_ns is None else max(3, end - begin),
        kind=interval.outcome,
        sign=SIGNS[interval.outcome],
        label=label,
        label_x=label_x,
        title=_told(interval, lane),
        open_from=end if interval.open_ended else None,
        open_to=LEFT + axis.end + MARGIN,
    )


def _faults(lanes: ProofLanes, axis: CompressedAxis) -> tuple[tuple[Box, ...], float]:
    """A row for each fault."""
    boxes: list[Box] = []
    for row, band in enumerate(lanes.faults):
        goes_on = band.end_ns is None or band.end_ns > lanes.end_ns
        left = LEFT + axis.held(band.begin_ns) - (14 if band.begin_ns < lanes.begin_ns else 0)
        right = LEFT + axis.held(band.end_ns) + (MARGIN if goes_on else 0)
        label = fitted(band.label if band.seen else f"{band.label}, not observed", 100)
        width = cells(label) * LETTER
        boxes.append(
            Box(
                x=left,
                y=TOP + row * FAULT_ROW,
                w=max(3, right - left),
                h=FAULT_ROW - 4,
                kind="fault" if band.seen else "fault unseen",
                label=label,
                title=_told_of_fault(band),
                label_x=max(LEFT, min(left + 5, RIGHT - width)),
            )
        )
    return tuple(boxes), TOP + len(boxes) * FAULT_ROW + 4


def _ticks(axis: CompressedAxis, digits: int) -> tuple[Tick, ...]:
    """Milliseconds at the instants, those beside cuts first; as many as do not touch."""
    beside = {cut.right for cut in axis.cuts}
    order = sorted(axis.columns.items(), key=lambda item: (item[1] not in (0, *beside, axis.end), item[1]))
    placed: list[tuple[float, float, Tick]] = []
    for at, column in order:
        label = f"{at / NS_PER_MS:.{digits}f} ms"
        reach = len(label) * LETTER / 2 + 4
        x = LEFT + column
        if all(x + reach <= left or right <= x - reach for left, right, _ in placed):
            placed.append((x - reach, x + reach, Tick(at=x, label=label)))
    return tuple(tick for _, _, tick in sorted(placed, key=lambda one: one[0]))


def _ms(ns: int) -> str:
    return f"{ns / NS_PER_MS:.3f} ms"


def _told(interval: Interval, lane: str) -> str:
    until = "without an end on record" if interval.end_ns is None else f"to {_ms(interval.end_ns)}"
    return f"{lane}, {interval.id} {interval.label}: {interval.outcome}, from {_ms(interval.begin_ns)} {until}"


def _told_of_fault(band: FaultBand) -> str:
    until = "" if band.end_ns is None else f" to {_ms(band.end_ns)}"
    return f"{band.label}{'' if band.seen else ', not observed'}: from {_ms(band.begin_ns)}{until}"


def _description(lanes: ProofLanes) -> str:
    ops = "; ".join(_told(each, lane.name) for lane in lanes.lanes for each in lane.intervals)
    faults = "; ".join(map(_told_of_fault, lanes.faults)) or "none in force"
    return f"Operations: {ops}. Faults: {faults}."
