"""The proof of a finding drawn as text: a line an operation, lane by lane, faults above and the time below.

```text
faults     crash primary (n0)                       ▒▒▒▒▒▒▒▒▒┆▒▒▒▒▒▒▒▒┆▒
process 1  0 write k25 v985 → ok    ├───┤                    ┆        ┆
           2 write k25 v993 → fail                        ├─✗┆        ┆
process 4  1 write k25 v990 → ?                   ├──────────┆────────┆?╌→
                                    ┴───┴─────────┴─┴─────┴─┴┆ 494 ms ┆┴
           ms                       1990.1        1998.8  2004.0      2498.8
```
"""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.report.cells import cells, fitted, padded
from pytest_arbredis.report.compressed_axis import compressed_axis

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from pytest_arbredis.report.canvas import Canvas
    from pytest_arbredis.report.compressed_axis import CompressedAxis
    from pytest_arbredis.report.lanes import FaultBand, Interval, ProofLanes

COLUMNS_A_STEP = 10
"""Of the drawing, for each step from one instant to the next: a proof of one operation needs no hundred columns."""

WIDEST_LABEL = 46
NARROWEST = 40
_LEAST_LABEL = 16
_LEAST_CALL = 12
_NARROW_CUT = 2
_MARGIN = 2
"""Columns behind the last instant, for what goes on."""


def lanes_text(lanes: ProofLanes, canvas: Canvas) -> str:
    """The drawing, within the canvas' width; empty if that is too narrow to draw on."""
    return _Drawing(lanes, canvas).text()


def duration(ns: int) -> str:
    """A duration in the unit that suits it: `150 µs`, `12.3 ms`, `8.4 s`, `1,200 s`."""
    if ns < NS_PER_MS:
        return f"{ns / 1000:.3g} µs"
    if ns < NS_PER_S:
        return f"{ns / NS_PER_MS:.3g} ms"
    return f"{ns / NS_PER_S:.3g} s" if ns < 1000 * NS_PER_S else f"{ns / NS_PER_S:,.0f} s"


def decimals(instants: Collection[int]) -> int:
    """How many decimals of a millisecond tell the instants apart: one, or three."""
    return 1 if len({f"{at / NS_PER_MS:.1f}" for at in instants}) == len(instants) else 3


class _Drawing:
    """One drawing: two columns of names, and the area in which time runs."""

    def __init__(self, lanes: ProofLanes, canvas: Canvas) -> None:
        self.lanes = lanes
        self.strokes = canvas.strokes
        self.canvas = canvas
        ids = max(len(str(interval.id)) for interval in lanes.intervals)
        self.calls = {each.id: canvas.written(f"{each.id:>{ids}} {each.call}") for each in lanes.intervals}
        self.gave = {each.id: canvas.written(f" → {each.gave}") for each in lanes.intervals}
        self.bands = [canvas.written(band.label) for band in lanes.faults]
        self.names = max([len(lane.name) for lane in lanes.lanes] + [len("faults")] * bool(lanes.faults))
        self.room = canvas.width - self.names - 5 - _MARGIN
        self.digits = decimals(lanes.own_instants)
        time = max(len(self._time(at)) for at in lanes.instants)
        longest = max(map(cells, [*(call + self.gave[number] for number, call in self.calls.items()), *self.bands]))
        wanted = COLUMNS_A_STEP * max(1, len(lanes.instants) - 1)
        fewest = self._axis(0).end
        spare = max(self.room - min(longest, WIDEST_LABEL), self.room // 2)
        self.axis = self._fitting(max(fewest, min(wanted, spare)))
        self.label_width = min(longest, self.room - max(self.axis.end, time))
        if self.label_width < min(longest, _LEAST_LABEL):
            self.axis = self._axis(fewest)
            self.label_width = min(longest, self.room - max(self.axis.end, time))
        self.too_narrow = canvas.width < NARROWEST or self.label_width < ids

    def _fitting(self, width: int) -> CompressedAxis:
        """With as many cuts written out as there is room for, the longest first; the others are narrow."""
        axis = self._axis(width)
        for shortest in sorted(cut.ns for cut in axis.cuts):
            written = self._axis(width, written_from_ns=shortest)
            if written.end <= width:
                return written
        return axis

    def _axis(self, width: int, *, written_from_ns: float = float("inf")) -> CompressedAxis:
        def cut_width(ns: int) -> int:
            return len(duration(ns)) + 5 if ns >= written_from_ns else _NARROW_CUT

        return compressed_axis(self.lanes.instants, width=width, cut_width=cut_width)

    def text(self) -> str:
        """All lines."""
        if self.too_narrow:
            return ""
        lines = [
            self._line("faults" * (at == 0), label, self._band(band))
            for at, (label, band) in enumerate(zip(self.bands, self.lanes.faults, strict=True))
        ]
        lines += [f"{'':{self.names}}  and {self.lanes.more_faults} more"] if self.lanes.more_faults else []
        for lane in self.lanes.lanes:
            lines += [
                self._line(lane.name * (at == 0), self._label(each.id), self._interval(each))
                for at, each in enumerate(lane.intervals)
            ]
        lines += [self._line("", "", self._ruler()), self._line("", "ms", self._times())]
        return "\n".join([*lines, *self._legend()])

    def _label(self, number: int) -> str:
        """Call and answer; if that is too long the call is cut, or all where little of the call would be left."""
        call, gave = self.calls[number], self.gave[number]
        room = self.label_width - cells(gave)
        ellipsis = self.canvas.written("…")
        return fitted(call, room, ellipsis=ellipsis) + gave if room >= _LEAST_CALL else call + gave

    def _line(self, name: str, label: str, area: Sequence[str]) -> str:
        ellipsis = self.canvas.written("…")
        label = padded(fitted(label, self.label_width, ellipsis=ellipsis), self.label_width)
        return f"{name:{self.names}}  {label}  {''.join(area)}".rstrip()

    def _area(self) -> list[str]:
        """An empty line of the area: nothing but its cuts."""
        area = [" "] * (self.axis.end + 1 + _MARGIN)
        for left, right in self._marks():
            area[left] = area[right] = self.strokes.cut
        return area

    def _marks(self) -> Iterable[tuple[int, int]]:
        """The columns of each cut's two marks; a narrow cut has one."""
        return ((cut.left + 1, cut.right - 1) for cut in self.axis.cuts)

    def _fill(self, area: list[str], begin: int, end: int, stroke: str) -> None:
        """What goes on from `begin` up to but without `end`; marks of cuts stay."""
        for at in range(begin, end):
            area[at] = stroke if area[at] == " " else area[at]

    def _band(self, band: FaultBand) -> list[str]:
        area = self._area()
        begin, end = self.axis.held(band.begin_ns), self.axis.held(band.end_ns)
        goes_on = band.end_ns is None or band.end_ns > self.lanes.end_ns
        self._fill(area, begin, end + 1, self.strokes.fault if band.seen else self.strokes.unseen)
        if band.begin_ns < self.lanes.begin_ns:
            area[0] = self.strokes.before
        if goes_on:
            area[end + 1] = self.strokes.onward
        return area

    def _interval(self, interval: Interval) -> list[str]:
        area, strokes = self._area(), self.strokes
        begin, end = self.axis.columns[interval.begin_ns], self.axis.columns[interval.known_until_ns]
        self._fill(area, begin, end, strokes.solid)
        area[begin] = strokes.begin
        closed = {"ok": strokes.end, "fail": strokes.failed, "unknown": strokes.unknown}[interval.outcome]
        if interval.end_ns is not None:
            area[end] = strokes.instant if begin == end and interval.outcome == "ok" else closed
        if interval.open_ended:
            self._fill(area, end + 1, self.axis.end + _MARGIN, strokes.open)
            area[self.axis.end + _MARGIN] = strokes.onward
        return area

    def _ruler(self) -> list[str]:
        area = self._area()
        self._fill(area, 0, self.axis.end + 1, self.strokes.axis)
        for column in self.axis.columns.values():
            area[column] = self.strokes.tick
        for cut, (left, right) in zip(self.axis.cuts, self._marks(), strict=True):
            if right > left:
                area[left + 1 : right] = f" {self.canvas.written(duration(cut.ns))} "
        return area

    def _times(self) -> str:
        """Milliseconds below their ticks, those beside cuts first; as many as there is room for."""
        columns = self.axis.columns
        beside = {cut.right for cut in self.axis.cuts}
        order = sorted(columns, key=lambda at: (columns[at] not in (0, *beside, self.axis.end), columns[at]))
        row = [" "] * (self.room + 1 + _MARGIN - self.label_width)
        for at in order:
            text = self._time(at)
            left = min(columns[at], len(row) - len(text))
            if left >= 0 and all(cell == " " for cell in row[max(0, left - 1) : left + len(text) + 1]):
                row[left : left + len(text)] = text
        return "".join(row)

    def _time(self, at_ns: int) -> str:
        return f"{at_ns / NS_PER_MS:.{self.digits}f}"

    def _legend(self) -> list[str]:
        """What the signs mean that are not plain, and the cuts that are not written out."""
        strokes, intervals = self.strokes, self.lanes.intervals
        said = [
            f"{strokes.begin}{strokes.solid}{strokes.failed} not applied" * any(o.outcome == "fail" for o in intervals),
            f"{strokes.open}{strokes.onward} may take effect later" * any(each.open_ended for each in intervals),
            f"{strokes.unseen} not observed" * any(not band.seen for band in self.lanes.faults),
        ]
        if self.axis.cuts:
            narrow = [duration(cut.ns) for cut in self.axis.cuts if cut.right - cut.left == _NARROW_CUT]
            single = f", at single marks {self.canvas.written(', '.join(narrow))}" if narrow else ""
            said.append(f"{strokes.cut} time cut{single}")
        lines: list[str] = []
        indent = " " * (self.names + 2)
        for part in filter(None, said):
            if lines and len(lines[-1]) + 3 + len(part) <= self.canvas.width:
                lines[-1] += f"   {part}"
            else:
                lines += wrap(part, self.canvas.width, initial_indent=indent, subsequent_indent=indent)
        return lines
