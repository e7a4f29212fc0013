"""Drawings of proofs, as a reader sees them."""

from __future__ import annotations

import pytest

from pytest_arbredis.report.canvas import ASCII, Canvas, canvas_for
from pytest_arbredis.report.cells import cells
from pytest_arbredis.report.lanes import lanes_of
from pytest_arbredis.report.lanes_text import duration, lanes_text
from pytest_arbredis.testing.builder import HistoryBuilder


def drawn(built: HistoryBuilder, canvas: Canvas | None = None) -> str:
    history = built.build()
    lanes = lanes_of([op.id for op in history.ops], history)
    assert lanes is not None
    return "\n" + lanes_text(lanes, canvas or Canvas()) + "\n"


@pytest.fixture
def built() -> HistoryBuilder:
    builder = HistoryBuilder()
    builder.phase("load", at=0)
    return builder


def test_one_operation(built):
    built.write("k", "v", at=(12, 12.4), process=3)
    assert drawn(built) == GOLDEN["one"]


def test_overlapping_operations(built):
    built.write("k", "v1", at=(10, 20), process=1)
    built.write("k", "v2", at=(15, 30), process=2)
    built.read("k", "v1", at=(25, 40), process=1)
    assert drawn(built) == GOLDEN["overlapping"]


def test_an_unknown_operation_goes_on_behind_its_time_out_or_without_any_end(built):
    built.write("k", "v1", at=(10, 510), process=1, outcome="unknown", error="TimeoutError")
    built.write("k", "v2", at=(12, None), process=2, outcome="unknown")
    built.read("k", "v2", at=(600, 601), process=3)
    assert drawn(built) == GOLDEN["unknown"]


def test_ten_operations_of_five_processes(built):
    outcomes = ("ok", "ok", "fail", "unknown", "ok", "ok", "fail", "ok", "unknown", "ok")
    for number, outcome in enumerate(outcomes):
        at = (100 + 3 * number, 101 + 3 * number + 6 * (number % 2))
        built.write(f"key:{number % 3}", f"v{number}", at=at, process=number % 5, outcome=outcome)
    assert drawn(built) == GOLDEN["ten"]


def test_time_in_which_nothing_happens_is_cut_and_the_cut_is_marked(built):
    built.write("k", "v", at=(1970.1, 1970.4), process=1)
    built.write("k", "w", at=(1971, 1971.5), process=2)
    built.read("k", None, at=(10400, 10400.1), final=True)
    assert drawn(built) == GOLDEN["gap"]


def test_faults_stand_above_what_they_met_healed_or_not_observed_or_not(built):
    built.write("k", "v", at=(100, 104), process=1)
    built.read("k", None, at=(120, 124), process=2)
    built.fault("latency", "replicas", at=(20, 110), nodes=["n1", "n2"], evidence="slow", params={"delay_ms": 200})
    built.fault("crash", "primary", at=108, nodes=["n0"], evidence="gone")
    built.fault("down", "n2", at=(112, 300), nodes=["n2"])
    built.fault("crash", "primary", at=(400, 500), nodes=["n0"], evidence="it is over by then")
    assert drawn(built) == GOLDEN["faults"]


def test_instants(built):
    built.write("k", "v", at=5, process=1)
    built.write("k", "w", at=6, process=2, outcome="fail")
    built.write("k", "x", at=7, process=3, outcome="unknown")
    assert drawn(built) == GOLDEN["instants"]


def test_the_same_in_ascii(built):
    built.write("schlüssel", "v", at=(10, 11), process=1, outcome="unknown")
    built.write("k", "w", at=(12, 13), process=1, outcome="fail")
    built.read("k", None, at=(5000, 5001), final=True)
    built.fault("crash", "primary", at=(12.5, 6000), nodes=["n0"])
    built.fault("latency", "n1", at=(0, 12.2), evidence="slow")
    drawing = drawn(built, Canvas(strokes=ASCII))
    assert drawing.isascii()
    assert drawing == GOLDEN["ascii"]


def test_a_narrow_terminal_has_it_shorter(built):
    built.write("a-rather-long-key", "and-its-value", at=(10, 11), process=1)
    built.read("a-rather-long-key", "something-else", at=(5000, 5001), final=True)
    assert drawn(built, Canvas(width=50)) == GOLDEN["narrow"]


def test_nothing_is_drawn_where_there_is_no_room(built):
    built.write("k", "v", at=(10, 11), process=1)
    assert drawn(built, Canvas(width=20)).strip() == ""


def test_more_faults_than_can_be_drawn_are_counted(built):
    built.write("k", "v", at=(100, 200))
    for number in range(7):
        built.fault("latency", f"n{number}", at=(110 + number, 150), evidence="slow")
    drawing = drawn(built)
    assert sum("▒" in line for line in drawing.splitlines()) == 4
    assert "and 3 more" in drawing


def test_a_key_cannot_act_on_the_terminal_nor_break_the_lines(built):
    built.write("\x1b[2J\n\u202eevil", "redis://u:secret@h", at=(10, 20))
    drawing = drawn(built)
    assert not {"\x1b", "\u202e"} & set(drawing)
    assert "secret" not in drawing
    assert len(drawing.strip().splitlines()) == 3


def test_wide_and_combining_characters_do_not_move_the_bars(built):
    built.write("钥匙", "v", at=(10, 20), process=1)
    built.write("e\u0301te\u0301", "v", at=(10, 20), process=2)
    built.write("plain", "v", at=(10, 20), process=3)
    rows = [line for line in drawn(built).splitlines() if "├" in line]
    assert len({cells(row.partition("├")[0]) for row in rows}) == 1


def test_keys_of_one_run_are_told_apart(built):
    for number in range(2):
        built.write(f"arbredis:20260101T101010.123-main:{number}", "v", at=(10, 20), process=number)
    assert "main:0 v → ok" in drawn(built)
    assert "main:1 v → ok" in drawn(built)


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (1, "0.001 µs"),
        (150_000, "150 µs"),
        (12_340_000, "12.3 ms"),
        (8_400_000_000, "8.4 s"),
        (7200 * 10**9, "7,200 s"),
    ],
)
def test_durations_are_in_the_unit_that_suits_them(ns, text):
    assert duration(ns) == text


@pytest.mark.parametrize(
    ("encoding", "plain"), [("utf-8", False), (None, False), ("ascii", True), ("latin-1", True), ("?", True)]
)
def test_strokes_are_those_that_the_encoding_has(encoding, plain):
    assert (canvas_for(encoding).strokes is ASCII) is plain


GOLDEN: dict[str, str] = {
    "one": """
process 3  0 write k v → ok  ├─────────┤
                             ┴─────────┴
           ms                12.0      12.4
""",
    "overlapping": """
process 1  0 write k v1 → ok  ├────────────────┤
           2 read k → v1                               ├────────────────────────┤
process 2  1 write k v2 → ok           ├───────────────────────┤
                              ┴────────┴───────┴───────┴───────┴────────────────┴
           ms                 10.0     15.0    20.0    25.0    30.0             40.0
""",
    "unknown": """
process 1  0 write k v1 → ?  ├─────────────┆────────┆?┆╌╌╌╌╌╌╌┆╌╌╌╌╌╌╌╌→
process 2  1 write k v2 → ?               ├┆╌╌╌╌╌╌╌╌┆╌┆╌╌╌╌╌╌╌┆╌╌╌╌╌╌╌╌→
process 3  2 read k → v2                   ┆        ┆ ┆       ┆├─────┤
                             ┴────────────┴┆ 498 ms ┆┴┆ 90 ms ┆┴─────┴
           ms                10.0         12.0       510.0     600.0 601.0
           ╌→ may take effect later   ┆ time cut
""",
    "ten": """
process 0  0 write key:0 v0 → ok    ├─┤
           5 write key:2 v5 → ok                                ├───────────┤
process 1  1 write key:1 v1 → ok          ├────────────┤
           6 write key:0 v6 → fail                                   ├─✗
process 2  2 write key:2 v2 → fail             ├─✗
           7 write key:1 v7 → ok                                          ├───────────┤
process 3  3 write key:0 v3 → ?                      ├────────────?╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌→
           8 write key:2 v8 → ?                                                ├─?╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌╌→
process 4  4 write key:1 v4 → ok                           ├─┤
           9 write key:0 v9 → ok                                                    ├────────────┤
                                    ┴─┴───┴────┴─┴───┴─┴───┴─┴──┴─┴──┴─┴──┴─┴──┴─┴──┴─┴──────────┴
           ms                       100.0 103.0  107.0 110.0 113.0   118.0  122.0   127.0      134.0
           ├─✗ not applied   ╌→ may take effect later
""",
    "gap": """
process 1  0 write k v → ok  ├───────┤                             ┆        ┆
process 2  1 write k w → ok                          ├────────────┤┆        ┆
final      2 read k → null                                         ┆        ┆├─┤
                             ┴───────┴───────────────┴────────────┴┆ 8.43 s ┆┴─┴
           ms                1970.1  1970.4          1971.0       1971.5     10400.0
           ┆ time cut
""",
    "faults": """
faults     latency replicas (n1, n2), delay 200 ms  ←▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒
           crash primary (n0), never healed                        ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒→
           down n2                                                         ░░░░░░░░░░░░░░░░░░░░░░░→
process 1  0 write k v → ok                         ├───────┤
process 2  1 read k → null                                                                ├──────┤
                                                    ┴───────┴──────┴───┴───┴──────────────┴──────┴
           ms                                       100.0   104.0  108.0   112.0               124.0
           ░ not observed
""",
    "instants": """
process 1  0 write k v → ok    ┼
process 2  1 write k w → fail            ✗
process 3  2 write k x → ?                         ?╌→
                               ┴─────────┴─────────┴
           ms                  5.0       6.0       7.0
           ├─✗ not applied   ╌→ may take effect later
""",
    "ascii": """
faults     latency n1                   <##########################         :        :
           crash primary (n0)                                        =======:========:============>
process 1  0 write schl\\xfcssel v -> ?  [-----------?.......................:........:.............>
           1 write k w -> fail                                  [----------x:        :
final      2 read k -> null                                                 :        :[----------]
                                        +-----------+-----------+-+--+-----+: 4.99 s :+----------+
           ms                           10.0        11.0        12.0 12.5  13.0       5000.0  5001.0
           [-x not applied   .> may take effect later   = not observed   : time cut
""",
    "narrow": """
process 1  0 write a-r… → ok  ├──┤┆        ┆
final      1 read a-rather-…      ┆        ┆├──┤
                              ┴──┴┆ 4.99 s ┆┴──┴
           ms                 10.0          5000.0
           ┆ time cut
""",
}
