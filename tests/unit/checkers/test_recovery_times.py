"""Recovery by class, windows of unavailability, and the timeline of a failover: 100 operations a second, a crash."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.unavailability import windows_of
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder

LOOSE = {"window_ms": 100, "share": 0.8}


def outage(back, *, until_ms=3000, names=("write",), build=True):
    """Operations every 10 ms; a class is gone from 1000 ms until `back[name]`."""
    h = HistoryBuilder(rate_hz=100 * len(names), load=(0, until_ms))
    for process, name in enumerate(names):
        for ms in range(0, until_ms, 10):
            up = ms < 1000 or ms >= back[name]
            outcome = "ok" if up else "fail"
            h.op(name, f"k{ms}", at=(ms, ms + 1), intended=ms, process=process, outcome=outcome)
    h.fault("crash", "primary", nodes=("n0",), at=(1000, 2000), evidence="gone")
    return h.build() if build else h


def test_each_class_is_judged_for_itself():
    history = outage({"read": 1200, "write": 1900}, names=("read", "write"))
    finding = checks.every_class_recovers_within(0.5, **LOOSE)(history)
    assert finding.verdict is Verdict.INVALID
    assert "applied writes back" in finding.summary
    assert finding.figures["read"]["recovered_ms"] == pytest.approx(201)
    assert checks.every_class_recovers_within(0.5, names=("read",), **LOOSE)(history).verdict is Verdict.VALID


def test_the_slowest_class_speaks_for_all():
    history = outage({"read": 1200, "write": 1900}, names=("read", "write"))
    finding = checks.every_class_recovers_within(1, **LOOSE)(history)
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "2 classes: applied writes back 901 ms after crash (1000 ms allowed)"
    assert finding.claim == "every_class_recovers_within_1s_after_crash"


def test_a_class_that_is_too_rare_is_unknown():
    h = outage({"write": 1200}, build=False)
    h.op("scan", at=(500, 501), intended=500, process=9)
    finding = checks.every_class_recovers_within(1, **LOOSE)(h.build())
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.summary.startswith("2 classes: scan: ")


@settings(deadline=None, max_examples=30, database=None)
@given(back=st.integers(111, 250).map(lambda tens: tens * 10))
def test_a_window_is_from_the_first_operation_that_was_due_to_the_next_success(back):
    (window,) = windows_of(outage({"write": back}), "write", least_ms=100)
    assert window.from_ns == 1000e6
    assert window.until_ns == (back + 1) * 1e6
    assert window.ended


def test_a_slow_success_is_unavailability_too():
    h = HistoryBuilder()
    h.write("k", 1, at=(0, 1))
    slow = h.write("k", 2, at=(10, 900))
    h.write("k", 3, at=(901, 902))
    finding = checks.unavailable_at_most(longest_ms=500)(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (slow,)
    assert finding.figures["write"]["windows_ms"] == [[10, 900]]


def test_other_clients_that_are_served_meanwhile_make_it_available():
    h = HistoryBuilder()
    h.write("k", 1, at=(0, 1))
    h.write("k", 2, at=(10, 900))
    for ms in range(20, 900, 20):
        h.write("k", ms, at=(ms, ms + 1), process=1)
    assert checks.unavailable_at_most(longest_ms=500)(h.build()).verdict is Verdict.VALID


@pytest.mark.parametrize("wrong", [{}, {"longest_ms": 50}, {"total_ms": -1}, {"longest_ms": 500, "least_ms": 0}])
def test_a_limit_that_says_nothing_is_refused(wrong):
    with pytest.raises(UsageError):
        checks.unavailable_at_most(**wrong)


def timeline(back=1500, *, promoted=1350, lost=()):
    h = outage({"write": back}, build=False)
    for at in range(0, 1000, 50):
        h.replication("n0", role="master", replid="a", offset=1, at=at)
    for at in range(0, promoted, 50):
        h.replication("n1", role="slave", replid="a", offset=1, at=at)
    h.replication("n1", role="master", replid="b", offset=1, at=promoted)
    for at, source, name in ((1200, "s1", "+sdown"), (1210, "s0", "+sdown"), (1250, "s0", "+odown")):
        h.event("sentinel", source, at=at, data={"event": name, "detail": "master arbredis 127.0.0.1 7000"})
    h.event("sentinel", "s0", at=1260, data={"event": "+elected-leader", "detail": "master arbredis 127.0.0.1 7000"})
    h.event("sentinel", "s2", at=1450, data={"event": "+switch-master", "detail": "arbredis 127.0.0.1 7000 …"})
    h.event("sentinel", "s2", at=1100, data={"event": "+sdown", "detail": "slave 127.0.0.1:7002"})
    h._events = [event for event in h._events if event.data.get("event") not in lost]
    return h.build()


def test_the_stages_of_a_failover_are_told_in_milliseconds_from_the_fault():
    finding = checks.failover_timeline(**LOOSE)(timeline())
    assert finding.verdict is Verdict.VALID
    assert finding.figures == {
        "sdown_ms": 200,
        "odown_ms": 250,
        "elected_ms": 260,
        "promoted_ms": 350,
        "switched_ms": 450,
        "first_success_ms": 501,
        "stable_success_ms": 501,
    }


@pytest.mark.parametrize("lost", ["+sdown", "+odown", "+elected-leader", "+switch-master"])
def test_a_stage_that_is_not_on_record_is_unknown(lost):
    finding = checks.failover_timeline(**LOOSE)(timeline(lost=(lost,)))
    assert finding.verdict is Verdict.UNKNOWN
    assert "not on record" in finding.summary


@pytest.mark.parametrize(("limit_s", "verdict"), [(0.6, Verdict.VALID), (0.4, Verdict.INVALID)])
def test_a_limit_on_the_first_success_is_kept_or_passed(limit_s, verdict):
    finding = checks.failover_timeline(first_success_within_s=limit_s, **LOOSE)(timeline())
    assert finding.verdict is verdict


def test_a_success_while_the_promotion_was_only_not_sampled_yet_is_no_contradiction():
    finding = checks.failover_timeline(**LOOSE)(timeline(back=1320))
    assert finding.verdict is Verdict.VALID


def test_service_before_anybody_was_promoted_is_unknown():
    finding = checks.failover_timeline(**LOOSE)(timeline(back=1280))
    assert finding.verdict is Verdict.UNKNOWN
    assert "before anybody was promoted" in finding.summary


@pytest.mark.parametrize("wrong", [{"sdown_within_s": 0}, {"names": ()}])
def test_a_timeline_that_cannot_be_judged_is_refused(wrong):
    with pytest.raises(UsageError):
        checks.failover_timeline(**wrong)
