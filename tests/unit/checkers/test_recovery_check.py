"""Recovery: 500 writes a second for 8 s, a crash at 2 s, service gone for a while."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.records import NOT_SENT
from pytest_arbredis.testing.builder import HistoryBuilder


def outage(*, back_ms=3600, until_ms=8000, evidence="gone", served=lambda _: True, confirmed_from=None, rate_hz=500):
    h = HistoryBuilder(rate_hz=rate_hz, load=(0, until_ms))
    for ms in range(0, until_ms, 1000 // rate_hz):
        up = (ms < 2000 or ms >= back_ms) and served(ms)
        confirmed = 2 if confirmed_from is None or ms < 2000 or ms >= confirmed_from else 0
        outcome = "unknown" if not up or not confirmed else "ok"
        h.write(f"k{ms}", ms, at=(ms, ms + 0.5), intended=ms, outcome=outcome, confirmed=confirmed if up else None)
    if evidence != "no fault":
        h.fault("crash", "primary", nodes=("n0",), at=(2000, 5000), evidence=evidence)
    return h.build()


def test_a_recovery_later_than_allowed_is_rejected():
    finding = checks.recovers_within(1.5)(outage(back_ms=3600))
    assert finding.verdict is Verdict.INVALID
    assert finding.summary == "applied writes back 1600 ms after crash (1500 ms allowed)"
    assert finding.figures["recovered_ms"] == pytest.approx(1600.5)


def test_a_service_that_never_comes_back_is_rejected():
    finding = checks.recovers_within(3)(outage(back_ms=9000))
    assert finding.verdict is Verdict.INVALID
    assert finding.figures["recovered_ms"] is None


def test_a_service_that_drops_two_of_hundred_is_not_back():
    assert checks.recovers_within(3)(outage(served=lambda ms: ms < 2000 or ms % 100)).verdict is Verdict.INVALID


def test_half_the_rate_without_an_error_is_not_back():
    h = HistoryBuilder(rate_hz=500, load=(0, 8000))
    for ms in range(0, 8000, 2):
        unsent = ms >= 2000 and ms % 4
        h.write(
            f"k{ms}",
            ms,
            at=(ms, ms + 0.5),
            intended=ms,
            outcome="fail" if unsent else "ok",
            error=NOT_SENT if unsent else None,
        )
    h.fault("crash", "primary", at=(2000, 5000), evidence="gone")
    assert checks.recovers_within(3)(h.build()).verdict is Verdict.INVALID


def test_the_full_rate_among_late_failures_is_not_back():
    h = HistoryBuilder(rate_hz=500, load=(0, 8000))
    for ms in range(0, 8000, 2):
        up = not 2000 <= ms < 3600
        done = ms + 0.5 if up else 3600 + (ms - 2000) * 2.75
        h.write(f"k{ms}", ms, at=(ms, done), intended=ms, process=ms, outcome="ok" if up else "unknown")
    h.fault("crash", "primary", at=(2000, 5000), evidence="gone")
    assert checks.recovers_within(3)(h.build()).verdict is Verdict.INVALID


def test_the_last_of_several_faults_counts():
    h = HistoryBuilder()
    h.fault("crash", "primary", at=(1400, 1500), evidence="gone")
    once = outage(back_ms=3600)
    twice = dataclasses.replace(once, faults=(*h.build().faults, *once.faults))
    assert checks.recovers_within(3)(twice).figures["recovered_ms"] == pytest.approx(1600.5)


def test_service_back_in_time_is_accepted():
    finding = checks.recovers_within(3)(outage(back_ms=3600))
    assert finding.verdict is Verdict.VALID
    assert finding.claim == "recovers_within_3s_after_crash"
    assert finding.figures == {"allowed_ms": 3000, "recovered_ms": pytest.approx(1600.5)}


def test_confirmation_comes_back_later_than_application():
    history = outage(back_ms=3600, confirmed_from=6000)
    assert checks.recovers_within(3, counting="applied")(history).verdict is Verdict.VALID
    assert checks.recovers_within(3, counting="confirmed")(history).verdict is Verdict.INVALID
    assert checks.recovers_within(4.1, counting="confirmed")(history).verdict is Verdict.VALID


def test_resuming_is_counted_from_the_end_of_the_fault():
    history = outage(back_ms=5400)
    assert checks.service_resumes(0.5, after="crash")(history).verdict is Verdict.VALID
    late = checks.service_resumes(0.3, after="crash")(history)
    assert late.verdict is Verdict.INVALID
    assert late.claim == "service_resumes_within_0.3s_after_crash"


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        (outage(evidence="no fault"), "no fault 'crash'"),
        (outage(evidence=None), "not observed"),
        (outage(back_ms=9000, until_ms=5200), "too early to tell"),
        (outage(served=lambda ms: ms >= 2000), "never reached before the first fault"),
        (outage(served=lambda ms: ms >= 1700, back_ms=2000), "never reached before the first fault"),
    ],
)
def test_a_recovery_that_cannot_be_told_is_unknown(history, reason):
    finding = checks.recovers_within(3)(history)
    assert finding.verdict is Verdict.UNKNOWN
    assert reason in finding.summary


def test_a_header_without_the_rate_is_unknown():
    h = HistoryBuilder()
    h.write("k", "v", at=(0, 1), intended=0)
    h.fault("crash", "primary", at=(2000, 5000), evidence="gone")
    assert checks.recovers_within(3)(h.build()).verdict is Verdict.UNKNOWN


def test_reads_do_not_make_up_for_writes():
    h = HistoryBuilder(rate_hz=1000, load=(0, 8000))
    for ms in range(8000):
        name = "write" if ms % 2 else "read"
        up = name == "read" or ms < 2000 or ms >= 6000
        h.op(name, f"k{ms}", at=(ms, ms + 0.5), intended=ms, outcome="ok" if up else "unknown")
    h.fault("crash", "primary", at=(2000, 5000), evidence="gone")
    history = h.build()
    assert checks.recovers_within(3)(history).verdict is Verdict.INVALID
    assert checks.recovers_within(4.1)(history).verdict is Verdict.VALID
    assert checks.recovers_within(1, names=("read",))(history).verdict is Verdict.VALID


def test_a_rate_too_low_for_the_window_is_refused():
    checks.require_rate(200, 500, 0.99)
    with pytest.raises(UsageError, match="raise the rate to 200"):
        checks.require_rate(199, 500, 0.99)
    with pytest.raises(UsageError, match="raise the rate"):
        checks.recovers_within(3)(outage(rate_hz=100))


@pytest.mark.parametrize("wrong", [{"counting": "hoped"}, {"from_": "middle"}, {"window_ms": 0}, {"share": 2}])
def test_what_cannot_be_judged_is_refused_at_definition(wrong):
    with pytest.raises(UsageError):
        checks.recovers_within(3, **wrong)


@settings(deadline=None, max_examples=8, database=None)
@example(back_ms=4998)
@example(back_ms=5000)
@given(back_ms=st.integers(1010, 2500).map(lambda half: half * 2))
def test_the_time_of_recovery_is_the_time_of_the_first_served_write(back_ms):
    finding = checks.recovers_within(3)(outage(back_ms=back_ms, until_ms=6000))
    assert finding.figures["recovered_ms"] <= back_ms - 2000 + 0.5
    assert finding.figures["recovered_ms"] >= back_ms - 2000 - 10
    assert finding.verdict is (Verdict.VALID if back_ms < 5000 else Verdict.INVALID)
