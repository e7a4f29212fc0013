"""A scenario refuses at definition what could only fail in minute nine, and its judgement never passes vacuously."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.run import schedule_program
from pytest_arbredis.scenario import AFTER_LAST_FAULT_S, judge, verdict_of
from pytest_arbredis.testing.builder import HistoryBuilder


@dataclass(frozen=True)
class Says:
    """A check with one answer to every history."""

    verdict: Verdict
    claim: str = "says"

    def __call__(self, _):
        return Finding(claim=self.claim, verdict=self.verdict, summary=self.verdict.word)


@dataclass(frozen=True)
class Crashes:
    """A check that is broken."""

    claim: str = "crashes"

    def __call__(self, history):
        return history.nothing_of_this_name


CRASH = Scenario(
    name="a.crash",
    promise="Nothing is lost.",
    topology=topologies.sentinel(),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=4),
    faults=schedule.at(seconds=1).crash("primary").at(seconds=3).restart("crashed"),
    checks=(checks.acknowledged_writes_survive(),),
)


def whole_run(*, crash_seen="n0: exit status -9"):
    """A history in which all happened that the guard of `CRASH` wants."""
    build = HistoryBuilder()
    build.phase("load", at=0)
    build.write("a", "1", at=(100, 110), node="n0")
    build.fault("crash", "primary", at=(1000, 3000), nodes=["n0"], evidence=crash_seen)
    build.write("b", "2", at=(1100, 1200), outcome="unknown", tried=["n0"], error="reset")
    build.fault("restart", "crashed", at=(3000, 3010), nodes=["n0"], evidence="n0: pid 7, answers directly")
    build.write("c", "3", at=(3100, 3200), node="n1")
    build.phase("settled", at=4000)
    build.read("a", "1", at=(4100, 4110), final=True)
    build.read("b", None, at=(4120, 4130), final=True)
    build.read("c", "3", at=(4140, 4150), final=True)
    return build.build()


def test_the_load_goes_on_behind_the_last_fault():
    assert CRASH.length_s == 3 + AFTER_LAST_FAULT_S
    assert replace(CRASH, seconds=9.5).length_s == 9.5


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"checks": ()}, "'a.crash' has no checks"),
        ({"path": "direct"}, "its subject goes past the proxies"),
        ({"seconds": 3.0}, r"ends after 3.0 s, before its faults at 3.* s"),
        ({"seconds": 1.0}, "give more seconds"),
        (
            {
                "workload": workloads.unique_writes(rate_hz=10, clients=1),
                "checks": (checks.recovers_within(seconds=3, after="crash"),),
            },
            "rate",
        ),
        ({"exposed_by": {"crash": "luck"}}, "unknown exposure 'luck'"),
        ({"exposed_by": {"pause": "any"}}, "unknown fault in exposed_by 'pause'.*crash, crash on primary, restart"),
        ({"judged": ()}, "name the judged operations"),
        ({"kind": "hazzard"}, "unknown kind of scenario 'hazzard'.*guarantee, hazard"),
        ({"path": "around"}, "unknown path of a scenario 'around'.*direct, proxied"),
    ],
)
def test_what_cannot_be_judged_is_refused_at_definition(changes, said):
    with pytest.raises(UsageError, match=f"(?s){said}"):
        replace(CRASH, **changes)


def test_a_whole_run_is_valid_and_the_guard_speaks_last():
    findings = judge(CRASH, whole_run())
    assert [finding.claim for finding in findings] == ["acknowledged_writes_survive", "vacuity_guard"]
    assert verdict_of(CRASH, findings) is Verdict.VALID, findings


def test_a_fault_that_was_not_observed_makes_the_verdict_unknown():
    findings = judge(CRASH, whole_run(crash_seen=None))
    assert verdict_of(CRASH, findings) is Verdict.UNKNOWN
    assert "crash on n0 was not observed" in findings[-1].summary


def test_a_fault_that_is_not_on_record_makes_the_verdict_unknown():
    history = HistoryBuilder()
    history.write("a", "1", at=100)
    history.phase("settled", at=4000)
    history.read("a", "1", at=4100, final=True)
    assert verdict_of(CRASH, judge(CRASH, history.build())) is Verdict.UNKNOWN


def test_an_empty_history_is_unknown():
    quiet = replace(CRASH, faults=schedule.nothing(), seconds=1.0, checks=(Says(Verdict.VALID),))
    assert verdict_of(quiet, judge(quiet, HistoryBuilder().build())) is Verdict.UNKNOWN


def test_a_check_that_crashes_is_unknown_with_its_traceback():
    scenario = replace(CRASH, checks=(Says(Verdict.VALID), Crashes(), Says(Verdict.VALID)))
    findings = judge(scenario, whole_run())
    assert [finding.verdict for finding in findings] == [Verdict.VALID, Verdict.UNKNOWN, Verdict.VALID, Verdict.VALID]
    crashed = findings[1]
    assert crashed.claim == "crashes"
    assert crashed.summary.startswith("the check itself failed: AttributeError: ")
    assert crashed.lines[0] == "Traceback (most recent call last):"
    assert any("nothing_of_this_name" in line for line in crashed.lines)
    assert verdict_of(scenario, findings) is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "said", "verdict"),
    [
        ("guarantee", (Verdict.VALID,), Verdict.VALID),
        ("guarantee", (Verdict.VALID, Verdict.UNKNOWN), Verdict.UNKNOWN),
        ("guarantee", (Verdict.INVALID, Verdict.UNKNOWN), Verdict.INVALID),
        ("hazard", (Verdict.VALID, Verdict.VALID), Verdict.VALID),
        ("hazard", (Verdict.UNKNOWN, Verdict.VALID), Verdict.UNKNOWN),
        ("hazard", (Verdict.INVALID, Verdict.VALID), Verdict.UNKNOWN),
    ],
)
def test_the_worst_finding_is_the_verdict_and_a_hazard_is_never_violated(kind, said, verdict):
    scenario = replace(CRASH, kind=kind)
    assert verdict_of(scenario, tuple(Says(one)(None) for one in said)) is verdict


def test_the_guard_wants_every_fault_as_often_as_it_is_scheduled():
    twice = replace(CRASH, faults=schedule.at(seconds=1).crash("n0").crash("n1"))
    assert twice.guard.faults == ("crash", "crash")
    assert CRASH.guard.faults == ("crash", "restart")
    assert verdict_of(twice, judge(twice, whole_run())) is Verdict.UNKNOWN


def test_the_same_scenario_for_other_code():
    other = CRASH.with_subject(subjects.direct())
    assert other.subject == subjects.direct()
    assert replace(other, subject=CRASH.subject) == CRASH


def test_the_schedule_is_kept_as_a_program():
    program = schedule_program(CRASH, 7)
    compile(program, "schedule.py", "exec")
    assert f"SCHEDULE = {CRASH.faults!r}\n" in program
    assert "SEED = 7\n" in program
