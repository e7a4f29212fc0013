"""The vacuity guard: every condition that fails alone makes the verdict unknown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.records import NOT_SENT
from pytest_arbredis.testing.builder import HistoryBuilder

GUARD = checks.vacuity_guard(faults=("crash",))


def drill(*, but: str = "") -> HistoryBuilder:
    h = HistoryBuilder()
    h.write("k0", "v", at=(0, 1), node="n0", tried=["n0"], outcome="fail" if but == "no success before" else "ok")
    if but != "no fault":
        evidence = None if but == "not observed" else "process gone"
        h.fault("crash", "primary", nodes=("n0",), at=(100, None if but == "not healed" else 500), evidence=evidence)
    met = {"not attempted": ["n1"], "attempted too late": ["n1"]}.get(but, ["n0"])
    error = NOT_SENT if but == "never sent" else "ConnectionError"
    h.write("k1", "v", at=(200, 210), outcome="fail" if but == "never sent" else "unknown", tried=met, error=error)
    if but == "attempted too late":
        h.write("k2", "v", at=(501, 502), outcome="fail", tried=["n0"])
    h.write("k3", "v", at=(600, 601), node="n1", tried=["n1"], outcome="fail" if but == "no success after" else "ok")
    if but != "not settled":
        h.phase("settled", at=2100 if but == "read too early" else 550)
    if but != "no final read":
        h.read("k0", "v", at=2000, final=True)
        h.read("k3", "v", at=2001, final=True, outcome="unknown" if but == "final read failed" else "ok")
    return h


@pytest.mark.parametrize(
    ("but", "reason"),
    [
        ("no success before", "no write succeeded before the first fault"),
        ("no success after", "no write succeeded after healing"),
        ("not observed", "crash on n0 was not observed"),
        ("no fault", "crash is on record 0 of 1 times"),
        ("not attempted", "no write met crash on n0 while it was in force"),
        ("attempted too late", "no write met crash on n0 while it was in force"),
        ("never sent", "no write met crash on n0 while it was in force"),
        ("no final read", "there was no final read"),
        ("final read failed", "1 of 2 final reads did not succeed"),
        ("not settled", "the topology never settled"),
        ("read too early", "final reads came before the topology settled"),
    ],
)
def test_a_run_that_lacks_one_condition_is_unknown(but, reason):
    finding = GUARD(drill(but=but).build())
    assert finding.verdict is Verdict.UNKNOWN
    assert reason in finding.lines


def test_a_run_that_could_have_failed_is_accepted():
    finding = GUARD(drill().build())
    assert finding.verdict is Verdict.VALID
    assert finding.lines == ()
    assert finding.summary == "2 writes succeeded; crash met by 1; 2 final reads"


def test_a_fault_whose_end_is_not_on_record_was_healed_when_the_topology_settled():
    assert GUARD(drill(but="not healed").build()).verdict is Verdict.VALID
    unhealed = HistoryBuilder()
    unhealed.fault("crash", "primary", nodes=("n0",), at=(100, None), evidence="gone")
    assert "it is not on record that everything was healed" in GUARD(unhealed.build()).lines


def test_several_reasons_are_all_listed():
    finding = GUARD(HistoryBuilder().build())
    assert finding.lines == ("no write succeeded", "crash is on record 0 of 1 times", "there was no final read")
    assert finding.summary == "no write succeeded (and 2 more)"


def test_only_the_judged_class_counts():
    assert checks.vacuity_guard(faults=("crash",), names=("increment",))(drill().build()).verdict is Verdict.UNKNOWN


def test_a_fault_expected_twice_must_be_there_twice():
    finding = checks.vacuity_guard(faults=("crash", "crash"))(drill().build())
    assert finding.lines == ("crash is on record 1 of 2 times",)


def test_success_during_a_fault_is_demanded_where_it_is_expected():
    guard = checks.vacuity_guard(faults=("crash",), expect_success_during=("crash",))
    assert guard(drill().build()).lines == ("no write succeeded during crash on n0",)
    h = drill()
    h.write("k9", "v", at=(300, 301), node="n0", tried=["n0"])
    assert guard(h.build()).verdict is Verdict.VALID


def test_a_budget_without_faults_needs_only_successes():
    guard = checks.vacuity_guard(faults=(), names=("GET",), final_reads=False)
    h = HistoryBuilder()
    assert guard(h.build()).lines == ("no GET succeeded",)
    h.op("GET", "k", at=(0, 1))
    assert guard(h.build()).verdict is Verdict.VALID


@pytest.mark.parametrize("acknowledged", [True, False])
def test_a_fault_on_replicas_is_met_by_writes_that_are_applied_meanwhile(acknowledged):
    guard = checks.vacuity_guard(faults=("crash", "replication_cut"))
    h = drill()
    h.fault("replication_cut", "replicas", nodes=("n1", "n2"), at=(50, 90), evidence="link down")
    h.write("k9", "v", at=(60, 61), node="n0", tried=["n0"], outcome="ok" if acknowledged else "unknown")
    h.write("k0b", "v", at=(20, 21), node="n0", tried=["n0"])
    assert guard(h.build()).verdict is (Verdict.VALID if acknowledged else Verdict.UNKNOWN)
    aimed = checks.vacuity_guard(faults=("crash", "replication_cut"), exposed_by={"replication_cut": "target"})
    assert aimed(h.build()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("invoked", "outcome", "verdict"),
    [(610, "ok", Verdict.VALID), (610, "unknown", Verdict.UNKNOWN), (540, "ok", Verdict.UNKNOWN)],
)
def test_a_restart_is_met_by_what_is_applied_after_it(invoked, outcome, verdict):
    h = HistoryBuilder()
    h.write("k0", "v", at=(0, 1))
    h.fault("restart", "crashed", nodes=("n0",), at=(550, 551), evidence="answers")
    h.write("k1", "v", at=(invoked, 612), outcome=outcome, node="n1", tried=["n1"])
    assert checks.vacuity_guard(faults=("restart",), final_reads=False)(h.build()).verdict is verdict


def untold(*, outcome="ok", took=1.0) -> HistoryBuilder:
    """No operation says which nodes it tried."""
    h = HistoryBuilder()
    h.write("k0", "v", at=(0, 2))
    h.fault("latency", "primary", nodes=("n0",), at=(100, 500), evidence="203 ms")
    h.write("k1", "v", at=(200, 200 + took), outcome=outcome)
    h.write("k2", "v", at=(600, 601))
    return h


@pytest.mark.parametrize(
    ("effect", "verdict"),
    [({}, Verdict.UNKNOWN), ({"outcome": "unknown"}, Verdict.VALID), ({"took": 200}, Verdict.VALID)],
)
def test_where_nobody_says_what_was_tried_the_effect_must_show(effect, verdict):
    guard = checks.vacuity_guard(faults=("latency",), final_reads=False)
    assert guard(untold(**effect).build()).verdict is verdict


@pytest.mark.parametrize(
    "wrong",
    [{"names": ()}, {"exposed_by": {"crash": "luck"}}, {"expect_success_during": ("pause",)}],
)
def test_settings_that_never_apply_are_refused_at_definition(wrong):
    with pytest.raises(UsageError):
        checks.vacuity_guard(faults=("crash",), **wrong)


@settings(deadline=None, max_examples=60, database=None)
@given(
    name=st.sampled_from(["crash", "latency", "replication_cut", "restart", "down"]),
    began=st.integers(0, 700),
    lasts=st.none() | st.integers(0, 500),
    nodes=st.sets(st.sampled_from(["n0", "n1", "n2"])),
)
def test_an_unobserved_fault_never_gives_valid(name, began, lasts, nodes):
    h = drill()
    h.fault(name, "primary", nodes=nodes, at=(began, None if lasts is None else began + lasts))
    assert GUARD(h.build()).verdict is Verdict.UNKNOWN
