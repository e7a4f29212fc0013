"""The geometry of the report's timeline, in the units of an SVG: bars, lines, bands, labels. Pure; a template draws it.

Panels share one time axis, from top to bottom: flags of events, faults, operations, latency, roles of the nodes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.report.scale import Linear, Logarithmic, ticks
from pytest_arbredis.report.text import band_line, notable
from pytest_arbredis.report.wording import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_arbredis.report.timeline import Band, Bin, Timeline

WIDTH = 1080
LEFT = 70
RIGHT = 1064
FLAG_ROW = 17
FAULT_ROW = 20
OPS_HEIGHT = 170
LATENCY_HEIGHT = 120
ROLE_ROW = 18
GAP = 26
MOST_FLAG_ROWS = 6
LETTER = 6.3
"""Mean width of a letter at the chart's 11 px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle with a label and a tooltip; `kind` is its CSS class."""

    x: float
    y: float
    w: float
    h: float
    kind: str = ""
    label: str = ""
    title: str = ""
    anchor: str = "start"
    label_x: float = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A tick of an axis, at an x or a y."""

    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """A panel with its y axis."""

    title: str
    top: float
    bottom: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Everything to draw; `stacks` and `lines` are (kind, SVG path)."""

    height: float
    plot_top: float
    plot_bottom: float
    seconds: tuple[Tick, ...]
    flags: tuple[Box, ...]
    faults: tuple[Box, ...]
    ops: Panel
    latency: Panel
    stacks: tuple[tuple[str, str], ...]
    lines: tuple[tuple[str, str], ...]
    hovers: tuple[Box, ...]
    roles: tuple[Box, ...]
    role_names: tuple[Tick, ...]
    description: str


def chart_of(timeline: Timeline) -> Chart:
    """The chart of one timeline."""
    x = Linear(0, max(timeline.span_s, timeline.width_s), LEFT, RIGHT)
    flags, y = _flags(timeline, x)
    faults, y = _faults(timeline.bands, x, y)
    ops_top = y + GAP
    ops_bottom = ops_top + OPS_HEIGHT
    latency_top, latency_bottom = ops_bottom + GAP, ops_bottom + GAP + LATENCY_HEIGHT
    most = max((one.total for one in timeline.bins), default=1) or 1
    count = Linear(0, most * 1.05, ops_bottom, ops_top)
    slow = max((one.max_ms or 0 for one in timeline.bins), default=0)
    fast = min((one.p50_ms for one in timeline.bins if one.p50_ms), default=0.1)
    delay = Logarithmic(fast, max(slow, 10 * fast), latency_bottom, latency_top)
    nodes = sorted({span.node for span in timeline.roles})
    roles_top = latency_bottom + (GAP if nodes else 0)
    roles_bottom = roles_top + len(nodes) * ROLE_ROW
    return Chart(
        height=roles_bottom + 26,
        plot_top=ops_top,
        plot_bottom=roles_bottom,
        seconds=tuple(Tick(at=x(at), label=f"{at:g} s") for at in ticks(0, x.most, about=11)),
        flags=flags,
        faults=faults,
        ops=Panel(
            title=f"operations per {_duration(timeline.width_s)}, by the instant at which they were due",
            top=ops_top,
            bottom=ops_bottom,
            ticks=tuple(Tick(at=count(at), label=f"{at:g}") for at in ticks(0, count.most, about=4)),
        ),
        latency=Panel(
            title="latency of acknowledged operations, from that instant",
            top=latency_top,
            bottom=latency_bottom,
            ticks=tuple(Tick(at=delay(at), label=f"{at:g} ms") for at in delay.powers()),
        ),
        stacks=_stacks(timeline, x, count),
        lines=_lines(timeline, x, delay),
        hovers=tuple(_hover(one, timeline.width_s, x, ops_top, latency_bottom) for one in timeline.bins),
        roles=_roles(timeline, nodes, x, roles_top),
        role_names=tuple(Tick(at=roles_top + at * ROLE_ROW + 12, label=node) for at, node in enumerate(nodes)),
        description=_description(timeline),
    )


def _flags(timeline: Timeline, x: Linear) -> tuple[tuple[Box, ...], float]:
    """Labels of events in as many rows as they need, so that none covers another."""
    rows: list[float] = []
    placed: list[tuple[int, Box]] = []
    for mark in notable(timeline.marks):
        at = x(mark.at_s)
        label = shortened(mark.label, 34)
        width = len(label) * LETTER + 8
        left = at if at + width <= RIGHT else at - width
        row = next((number for number, end in enumerate(rows) if end <= left), len(rows))
        if row >= MOST_FLAG_ROWS:
            continue
        rows[row : row + 1] = [left + width + 6]
        anchor = "start" if left == at else "end"
        title = f"{mark.at_s:.3f} s  {mark.label}  ({mark.source})"
        box = Box(x=at, y=0, w=width, h=FLAG_ROW, kind=mark.kind, label=label, title=title, anchor=anchor)
        placed.append((row, box))
    return tuple(_moved(box, 12 + row * FLAG_ROW) for row, box in placed), 12 + len(rows) * FLAG_ROW


def _moved(box: Box, y: float) -> Box:
    offset = 4 if box.anchor == "start" else -4
    return Box(
        x=box.x,
        y=y,
        w=box.w,
        h=box.h,
        kind=box.kind,
        label=box.label,
        title=box.title,
        anchor=box.anchor,
        label_x=box.x + offset,
    )


def _faults(bands: Sequence[Band], x: Linear, top: float) -> tuple[tuple[Box, ...], float]:
    """A bar for each fault; those that overlap, or whose labels would, get rows of their own."""
    rows: list[float] = []
    boxes: list[Box] = []
    for band in bands:
        left = x(max(0.0, band.began_s))
        right = max(left + 2, x(x.most if band.ended_s is None else band.ended_s))
        label = shortened(f"{band.name} {band.nodes or band.target}", 60)
        width = len(label) * LETTER + 10
        flipped = left + width > RIGHT
        begin, end = (left - width, right) if flipped else (left, max(right, left + width))
        row = next((number for number, taken in enumerate(rows) if taken <= begin), len(rows))
        rows[row : row + 1] = [end + 4]
        boxes.append(
            Box(
                x=left,
                y=top + row * FAULT_ROW,
                w=right - left,
                h=FAULT_ROW - 4,
                kind="fault" if band.evidence else "fault unseen",
                label=label,
                title=band_line(band).strip(),
                anchor="end" if flipped else "start",
                label_x=left - 4 if flipped else left + 5,
            )
        )
    return tuple(boxes), top + len(rows) * FAULT_ROW


def _stacks(timeline: Timeline, x: Linear, y: Linear) -> tuple[tuple[str, str], ...]:
    paths: dict[str, list[str]] = {"ok": [], "unknown": [], "fail": []}
    for one in timeline.bins:
        left, right = x(one.began_s), x(one.began_s + timeline.width_s)
        below = 0
        for kind, amount in (("ok", one.ok), ("unknown", one.unknown), ("fail", one.fail)):
            if amount:
                top, bottom = y(below + amount), y(below)
                paths[kind].append(f"M{left:.1f} {bottom:.1f}V{top:.1f}H{right - 0.8:.1f}V{bottom:.1f}Z")
            below += amount
    return tuple((kind, "".join(path)) for kind, path in paths.items() if path)


def _lines(timeline: Timeline, x: Linear, y: Logarithmic) -> tuple[tuple[str, str], ...]:
    def line(value: Callable[[Bin], float | None]) -> str:
        path, pen = "", "M"
        for one in timeline.bins:
            at = value(one)
            if at is None:
                pen = "M"
                continue
            path += f"{pen}{x(one.began_s + timeline.width_s / 2):.1f} {y(at):.1f}"
            path += "h.01" if pen == "M" else ""
            pen = "L"
        return path

    most = "".join(
        f"M{x(one.began_s + timeline.width_s / 2):.1f} {y(one.max_ms):.1f}h.01"
        for one in timeline.bins
        if one.max_ms is not None
    )
    lines = (("max", most), ("p99", line(lambda one: one.p99_ms)), ("p50", line(lambda one: one.p50_ms)))
    return tuple((kind, path) for kind, path in lines if path)


def _hover(one: Bin, width_s: float, x: Linear, top: float, bottom: float) -> Box:
    title = f"{one.began_s:g}-{one.began_s + width_s:g} s: {one.ok} ok, {one.fail} fail, {one.unknown} unknown"
    if one.p50_ms is not None and one.p99_ms is not None and one.max_ms is not None:
        title += f"; p50 {one.p50_ms:.3g} ms, p99 {one.p99_ms:.3g} ms, max {one.max_ms:.3g} ms"
    left = x(one.began_s)
    return Box(x=round(left, 1), y=top, w=round(x(one.began_s + width_s) - left, 1), h=bottom - top, title=title)


def _roles(timeline: Timeline, nodes: list[str], x: Linear, top: float) -> tuple[Box, ...]:
    boxes: list[Box] = []
    for span in timeline.roles:
        left, right = x(max(0.0, span.began_s)), x(max(0.0, span.ended_s))
        if right - left < 1:
            continue
        label = span.role if right - left > len(span.role) * LETTER + 8 else ""
        title = f"{span.node} {span.role} from {span.began_s:.3f} s to {span.ended_s:.3f} s"
        y = top + nodes.index(span.node) * ROLE_ROW
        kind = span.role if span.role in ("primary", "replica") else "other"
        box = Box(x=left, y=y, w=right - left, h=ROLE_ROW - 4, kind=kind, label=label, title=title, label_x=left + 5)
        boxes.append(box)
    return tuple(boxes)


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def _description(timeline: Timeline) -> str:
    counts = {name: sum(getattr(one, name) for one in timeline.bins) for name in ("ok", "fail", "unknown")}
    said = ", ".join(f"{count} {name}" for name, count in counts.items())
    faults = "; ".join(band_line(band).strip() for band in timeline.bands) or "none"
    return f"{math.ceil(timeline.span_s)} s of load: {said} operations. Faults: {faults}."
