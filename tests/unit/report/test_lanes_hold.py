"""What holds for every drawing of a proof, whatever the history."""

from __future__ import annotations

import math
import re
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.report.canvas import ASCII, BOX, Canvas
from pytest_arbredis.report.cells import cells, fitted, padded
from pytest_arbredis.report.compressed_axis import compressed_axis
from pytest_arbredis.report.lanes import lanes_of
from pytest_arbredis.report.lanes_svg import LEFT, lanes_chart
from pytest_arbredis.report.lanes_text import lanes_text
from pytest_arbredis.testing.builder import HistoryBuilder

NS = 1e-6
"""A nanosecond, in the builder's milliseconds."""

durations = st.integers(0, 13).flatmap(lambda power: st.integers(0, 9).map(lambda digit: digit * 10**power * NS))
ends = st.one_of(durations, st.none())
keys = st.sampled_from(["k", "钥匙" * 9, "e\u0301", "a key with spaces and no end of words", "→ ? [--]", ""])
planned = st.tuples(st.integers(0, 4), durations, ends, st.sampled_from(["ok", "fail", "unknown"]), st.booleans(), keys)
faults = st.lists(st.tuples(durations, ends, st.booleans()), max_size=8)


@st.composite
def histories(draw):
    """At most ten operations of five processes, one at a time each, with gaps from none to hours, and faults."""
    builder = HistoryBuilder()
    builder.phase("load", at=0)
    free: dict[int, float] = {}
    for process, gap, took, outcome, final, key in draw(st.lists(planned, min_size=1, max_size=10)):
        begin = free.get(process, 0) + gap
        end = None if took is None else begin + took
        free[process] = begin + NS if end is None else end + NS
        builder.op("write", key, at=(begin, end), process=process, outcome=outcome, final=final)
    for begin, took, seen in draw(faults):
        end = None if took is None else begin + took
        builder.fault("latency", "primary", at=(begin, end), evidence="slow" if seen else None)
    return builder.build()


canvases = st.builds(Canvas, width=st.integers(60, 140), strokes=st.sampled_from([BOX, ASCII]))


def bars(drawing: str, strokes) -> dict[int, str]:
    """The bars by operation: what stands right of where the ruler begins."""
    lines = drawing.splitlines()
    times = max(at for at, line in enumerate(lines) if line.strip().startswith("ms "))
    offset = lines[times - 1].index(strokes.tick)
    found: dict[int, str] = {}
    for line in lines[: times - 1]:
        if named := re.match(r"(?:process \d|final|) +(\d+) write\b", line):
            assert int(named[1]) not in found
            found[int(named[1])] = behind(line, offset)
    return found


def behind(line: str, offset: int) -> str:
    """What stands from that cell on."""
    taken = 0
    for at, character in enumerate(line):
        if taken == offset:
            return line[at:]
        taken += cells(character)
    return ""


@settings(max_examples=100, deadline=None)
@given(history=histories(), canvas=canvases)
def test_every_operation_is_drawn_once_in_its_place_and_within_the_width(history, canvas):
    ops = {op.id: op for op in history.ops}
    lanes = lanes_of(ops, history)
    assert lanes is not None
    drawing = lanes_text(lanes, canvas)
    assert drawing
    assert all(cells(line) <= canvas.width for line in drawing.splitlines())
    strokes = canvas.strokes
    found = bars(drawing, strokes)
    assert sorted(found) == sorted(ops)
    begins, closes = {}, {}
    for number, bar in found.items():
        op = ops[number]
        blank = bar.replace(strokes.cut, " ")
        begins[number] = len(blank) - len(blank.lstrip())
        closing = {"ok": strokes.end + strokes.instant, "fail": strokes.failed, "unknown": strokes.unknown}
        if op.completed_ns is not None:
            (closes[number],) = [at for at, sign in enumerate(bar) if sign in closing[op.outcome]]
        assert bar.endswith(strokes.onward) is (op.outcome == "unknown" or op.completed_ns is None)
    for one, other in combinations(ops.values(), 2):
        assert _sign(one.invoked_ns - other.invoked_ns) == _sign(begins[one.id] - begins[other.id])
        for first, second in ((one, other), (other, one)):
            if first.completed_ns is not None:
                ended_before = first.completed_ns < second.invoked_ns
                assert ended_before == (closes[first.id] < begins[second.id])


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


@settings(max_examples=60, deadline=None)
@given(history=histories())
def test_the_picture_of_the_page_has_each_operation_once_and_none_covers_another(history):
    lanes = lanes_of([op.id for op in history.ops], history)
    assert lanes is not None
    chart = lanes_chart(lanes)
    assert len(chart.bars) == len(history.ops)
    for bar in chart.bars:
        assert bar.x >= LEFT
        assert max(bar.x + bar.w, bar.label_x) <= 1080
        assert sum(lane.y <= bar.y - 20 and bar.y + 13 <= lane.y + lane.h for lane in chart.stripes) == 1
    for one, other in combinations(chart.bars, 2):
        if one.y == other.y:
            left, right = sorted((one, other), key=lambda bar: bar.x)
            assert left.x + left.w < right.x
            assert left.open_from is None
            assert left.label_x < right.label_x


@settings(max_examples=60, deadline=None)
@given(
    instants=st.sets(st.integers(0, 10**14), min_size=1, max_size=30),
    width=st.integers(0, 200),
    least=st.integers(1, 12),
)
def test_instants_that_differ_have_columns_that_differ_in_their_order(instants, width, least):
    axis = compressed_axis(instants, width=width, cut_width=lambda _: 9 * least, least=least)
    columns = [axis.columns[at] for at in sorted(instants)]
    assert columns[0] == 0
    assert all(after - before >= least for before, after in pairwise(columns))
    assert axis.end == columns[-1]
    assert axis.end <= max(width, 0) or axis.end <= least * len(instants) + 6 * 9 * least
    for cut in axis.cuts:
        begin, end = (next(at for at in instants if axis.columns[at] == column) for column in (cut.left, cut.right))
        assert cut.ns == end - begin


def test_columns_are_in_proportion_to_time_where_nothing_is_cut():
    axis = compressed_axis([0, 10, 40, 100], width=100, cut_width=lambda _: 9)
    assert dict(axis.columns) == {0: 0, 10: 10, 40: 40, 100: 100}


def test_only_what_leaves_no_room_for_the_rest_is_cut():
    def cuts(*instants: int) -> list[int]:
        return [cut.ns for cut in compressed_axis(instants, width=60, cut_width=lambda _: 9).cuts]

    assert cuts(0, 10, 60, 70) == []
    assert cuts(0, 10, 10_010, 10_020) == [10_000]


@pytest.mark.parametrize(("text", "width"), [("", 0), ("abc", 3), ("e\u0301", 1), ("钥匙", 4), ("\uff46", 2)])
def test_cells_are_what_a_terminal_takes(text, width):
    assert cells(text) == width


@given(text=st.text(), width=st.integers(0, 40))
def test_what_is_fitted_fits(text, width):
    assert cells(fitted(text, width)) <= width
    if cells(text) <= width:
        assert fitted(text, width) == text
    assert math.isclose(cells(padded(fitted(text, width), width)), width)
