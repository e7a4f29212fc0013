"""Durability: which histories lose writes, and which cannot tell."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def settled() -> HistoryBuilder:
    h = HistoryBuilder()
    h.phase("settled", at=9000)
    return h


def test_a_lost_acknowledged_write_is_rejected():
    h = settled()
    h.write("k1", "v1", at=(0, 1), node="n0")
    lost = h.write("k2", "v2", at=(2, 3), node="n0")
    h.fault("crash", "primary", nodes=("n0",), at=(215, 500), evidence="gone")
    h.read("k1", "v1", at=9001, final=True)
    missing = h.read("k2", None, at=9002, final=True)
    finding = checks.acknowledged_writes_survive()(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.summary == "1 of 2 acknowledged writes lost (RPO 212 ms)"
    assert finding.proof == (lost, missing)
    assert finding.figures["lost_ids"] == [lost]
    assert finding.figures["undecided"] == 1


def test_another_value_under_the_key_is_a_loss():
    h = settled()
    h.write("k1", "v1", at=(0, 1))
    h.read("k1", "something else", at=9001, final=True)
    assert checks.acknowledged_writes_survive()(h.build()).verdict is Verdict.INVALID


def test_a_shortfall_of_confirmations_is_applied_and_must_survive():
    h = settled()
    h.write("k1", "v1", at=(0, 1), outcome="unknown", confirmed=0)
    h.read("k1", None, at=9001, final=True)
    assert checks.acknowledged_writes_survive()(h.build()).verdict is Verdict.INVALID


def test_all_acknowledged_writes_read_back_is_accepted():
    h = settled()
    for i in range(20):
        h.write(f"k{i}", f"v{i}", at=(i, i + 1))
        h.read(f"k{i}", f"v{i}", at=9001 + i, final=True)
    h.write("unknown", "v", at=(30, 31), outcome="unknown")
    h.write("refused", "v", at=(32, 33), outcome="fail")
    h.read("unknown", None, at=9100, final=True)
    h.read("refused", None, at=9101, final=True)
    finding = checks.acknowledged_writes_survive()(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "0 of 20 acknowledged writes lost"


@pytest.mark.parametrize("how", ["missing", "failed", "before it settled"])
def test_a_key_without_a_successful_final_read_is_undecided(how):
    h = settled()
    h.write("k0", "v0", at=(0, 1))
    h.read("k0", "v0", at=9001, final=True)
    h.write("k1", "v1", at=(2, 3))
    if how == "failed":
        h.read("k1", None, at=9002, outcome="fail", final=True)
    elif how == "before it settled":
        h.read("k1", None, at=8000, final=True)
    assert checks.acknowledged_writes_survive()(h.build()).verdict is Verdict.UNKNOWN


def test_reads_of_a_topology_that_never_settled_decide_nothing():
    h = HistoryBuilder()
    h.write("k1", "v1", at=(0, 1))
    h.read("k1", None, at=9001, final=True)
    finding = checks.acknowledged_writes_survive()(h.build())
    assert finding.verdict is Verdict.UNKNOWN
    assert "never settled" in finding.summary


def test_nothing_acknowledged_is_undecided():
    h = settled()
    h.write("k1", "v1", at=(0, 1), outcome="unknown")
    h.read("k1", "v1", at=9001, final=True)
    assert checks.acknowledged_writes_survive()(h.build()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("first", "second", "final", "lost"),
    [
        (((0, 1), "ok"), ((2, 3), "ok"), "v2", 0),
        (((0, 1), "ok"), ((2, 3), "ok"), "v1", 1),
        (((0, 5), "ok"), ((2, 3), "ok"), "v1", 0),
        (((0, 5), "ok"), ((2, 3), "ok"), None, 2),
        (((0, 1), "ok"), ((2, 3), "unknown"), "v2", 0),
        (((0, 1), "ok"), ((2, 3), "unknown"), None, 1),
        (((0, 1), "unknown"), ((2, 3), "ok"), "v1", 0),
        (((0, 1), "ok"), ((2, 3), "fail"), "v2", 1),
    ],
)
def test_a_key_written_twice_is_judged_by_the_values_that_may_be_last(first, second, final, lost):
    h = settled()
    h.write("k", "v1", at=first[0], outcome=first[1], process=1)
    h.write("k", "v2", at=second[0], outcome=second[1], process=2)
    h.read("k", final, at=9001, final=True)
    finding = checks.acknowledged_writes_survive()(h.build())
    assert finding.figures["lost"] == lost
    assert finding.verdict is (Verdict.INVALID if lost else Verdict.VALID)


def test_kept_data_shows_where_the_lost_writes_lie():
    h = settled()
    for i in range(3):
        h.write(f"k{i}", f"v{i}", at=(i, i + 1), node="n0")
        h.read(f"k{i}", None, at=9001 + i, final=True)
    h.kept("n0", {"k0": "v0", "k1": "v1", "k2": "older"}, at=5000, how="append-only file of the crashed node")
    finding = checks.acknowledged_writes_survive()(h.build())
    assert finding.figures["lost_in_kept"] == 2
    assert "still lying in the kept data of n0 (append-only file of the crashed node): 2 of 3" in finding.lines


def test_a_lost_confirmed_write_is_rejected():
    h = settled()
    lost = h.write("k1", "v1", at=(0, 1), confirmed=2)
    missing = h.read("k1", None, at=9001, final=True)
    finding = checks.confirmed_writes_survive(wanted=2)(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (lost, missing)


def test_a_confirmed_write_is_not_excused_by_a_lost_unconfirmed_one():
    h = settled()
    h.write("k", "v1", at=(0, 1), confirmed=2)
    h.write("k", "v2", at=(2, 3), outcome="unknown", confirmed=0)
    h.read("k", None, at=9001, final=True)
    assert checks.confirmed_writes_survive()(h.build()).figures["lost"] == 1


def test_lost_writes_with_fewer_confirmations_are_no_matter_of_the_confirmed():
    h = settled()
    h.write("k1", "v1", at=(0, 1), confirmed=2)
    h.write("k2", "v2", at=(2, 3), outcome="unknown", confirmed=1)
    h.read("k1", "v1", at=9001, final=True)
    h.read("k2", None, at=9002, final=True)
    assert checks.confirmed_writes_survive(wanted=2)(h.build()).verdict is Verdict.VALID


def test_without_a_confirmed_write_nothing_is_known():
    h = settled()
    h.write("k1", "v1", at=(0, 1))
    h.read("k1", "v1", at=9001, final=True)
    assert checks.confirmed_writes_survive(wanted=2)(h.build()).verdict is Verdict.UNKNOWN


def test_zero_wanted_replicas_are_refused_at_definition():
    with pytest.raises(UsageError, match="use 1 or more"):
        checks.confirmed_writes_survive(wanted=0)


def test_the_recovery_point_is_that_of_the_worst_incident():
    h = settled()
    for i, at in enumerate((100, 150, 5000)):
        h.write(f"k{i}", "v", at=(at - 1, at), node="n0")
        h.read(f"k{i}", None, at=9001 + i, final=True)
    h.fault("crash", "primary", nodes=("n0",), at=(180, 300), evidence="gone")
    h.fault("crash", "primary", nodes=("n0",), at=(5040, 6000), evidence="gone")
    figures = checks.acknowledged_writes_survive()(h.build()).figures
    assert (figures["rpo_ms"], figures["rpo_operations"]) == (80, 2)


@settings(deadline=None, max_examples=50, database=None)
@given(count=st.integers(1, 30), data=st.data(), gone=st.sampled_from([None, "other", "no read"]))
def test_dropping_any_final_value_ends_validity(count, data, gone):
    dropped = data.draw(st.none() | st.integers(0, count - 1))
    h = settled()
    for i in range(count):
        h.write(f"k{i}", f"v{i}", at=(i, i + 1), process=i % 3)
        if i != dropped:
            h.read(f"k{i}", f"v{i}", at=9001 + i, final=True)
        elif gone != "no read":
            h.read(f"k{i}", gone, at=9001 + i, final=True)
    wanted = Verdict.INVALID if gone != "no read" else Verdict.UNKNOWN
    finding = checks.acknowledged_writes_survive()(h.build())
    assert finding.verdict is (Verdict.VALID if dropped is None else wanted)
    assert finding.proof == tuple(op.id for op in h.build().ops if op.key == f"k{dropped}")
