"""Hazards that the roles show: nobody takes over, keys vanish under a primary that stays, clients stay readonly.

Each is valid only where it is shown, and unknown wherever something else could explain what was seen.
"""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.testing.builder import HistoryBuilder

READONLY = "ReadOnlyError: You can't write against a read only replica."


def sampled(h: HistoryBuilder, *reigns: tuple[str, str, float, float]) -> HistoryBuilder:
    """Samples every 100 ms of each reign (node, replid, from, until), and of a replica that always answers."""
    for node, replid, from_ms, until_ms in reigns:
        for at in range(int(from_ms), int(until_ms) + 1, 100):
            h.replication(node, role="master", replid=replid, offset=at, at=at)
    for at in range(0, 6001, 100):
        h.replication("n2", role="slave", replid="a", offset=at, at=at)
    return h


def crashed(*, outcome="unknown", until=5000, evidence="gone", reigns=(("n0", "a", 0, 900),)) -> HistoryBuilder:
    h = HistoryBuilder()
    h.write("k0", "v0", at=(0, 1))
    h.fault("crash", "primary", nodes=("n0",), at=(1000, until), evidence=evidence)
    h.write("k1", "v1", at=(1500, 1501), outcome=outcome, error=None if outcome == "ok" else "ConnectionError")
    return sampled(h, *reigns)


def test_nobody_takes_over_is_shown_where_nothing_was_applied_and_nobody_promoted():
    finding = checks.nobody_takes_over(seconds=3)(crashed().build())
    assert finding.verdict is Verdict.VALID
    assert finding.proof == (1,)


@pytest.mark.parametrize(
    "otherwise",
    [
        {"outcome": "ok"},
        {"until": 3000},
        {"evidence": None},
        {"reigns": (("n0", "a", 0, 900), ("n1", "b", 2500, 5000))},
    ],
)
def test_nobody_takes_over_is_not_shown_otherwise(otherwise):
    assert checks.nobody_takes_over(seconds=3)(crashed(**otherwise).build()).verdict is Verdict.UNKNOWN


def test_a_promotion_after_the_time_that_was_claimed_is_none_of_its_business():
    reigns = (("n0", "a", 0, 900), ("n1", "b", 4500, 5000))
    assert checks.nobody_takes_over(seconds=3)(crashed(reigns=reigns).build()).verdict is Verdict.VALID


def loading(*reigns, evidence="LOADING", silent=False) -> HistoryBuilder:
    h = HistoryBuilder()
    h.fault("loading", "primary", nodes=("n0",), at=(1000, 3000), evidence=evidence)
    if not silent:
        return sampled(h, *reigns)
    h.replication("n0", role="master", replid="a", offset=1, at=10)
    return h


def test_a_failover_during_loading_is_rejected():
    finding = checks.no_failover(during="loading")(loading(("n0", "a", 0, 900), ("n1", "b", 2500, 4000)).build())
    assert finding.verdict is Verdict.INVALID
    assert finding.summary == "n1 promoted during loading"


def test_a_promotion_behind_the_fault_is_one_too():
    reigns = (("n0", "a", 0, 900), ("n1", "b", 3500, 4000))
    assert checks.no_failover(during="loading")(loading(*reigns).build()).verdict is Verdict.INVALID


def test_no_failover_is_accepted_where_the_primary_stays():
    assert checks.no_failover(during="loading")(loading(("n0", "a", 0, 4000)).build()).verdict is Verdict.VALID


def test_no_failover_is_unknown_where_nobody_looked():
    assert checks.no_failover(during="loading")(loading(silent=True).build()).verdict is Verdict.UNKNOWN
    unseen = loading(("n0", "a", 0, 4000), evidence=None)
    assert checks.no_failover(during="loading")(unseen.build()).verdict is Verdict.UNKNOWN
    assert checks.no_failover(during="crash")(loading(("n0", "a", 0, 4000)).build()).verdict is Verdict.UNKNOWN


def vanished(fault, *reigns, evidence="seen", final=None, left=()) -> HistoryBuilder:
    h = HistoryBuilder()
    h.write("k0", "v0", at=(0, 1), node="n0")
    h.fault(fault, "primary", nodes=("n0",), at=(1000, 1500), evidence=evidence)
    h.phase("settled", at=5000)
    h.read("k0", final, at=5500, final=True)
    for node in ("n0", "n1"):
        h.keyspace(node, dict.fromkeys(left, ("string", "d", -1)), at=5600)
    return sampled(h, *reigns)


def test_evicted_keys_are_shown():
    finding = checks.keys_are_evicted()(vanished("eviction", ("n0", "a", 0, 6000)).build())
    assert finding.verdict is Verdict.VALID
    assert finding.proof == (0,)


@pytest.mark.parametrize(
    "history",
    [
        vanished("eviction", ("n0", "a", 0, 6000), final="v0"),
        vanished("eviction", ("n0", "a", 0, 6000), evidence=None),
        vanished("crash", ("n0", "a", 0, 6000)),
        vanished("eviction", ("n0", "a", 0, 900), ("n1", "b", 2000, 6000)),
        vanished("eviction", ("n0", "a", 0, 900), ("n0", "b", 2000, 6000)),
    ],
)
def test_what_something_else_may_have_taken_was_not_evicted(history):
    assert checks.keys_are_evicted()(history.build()).verdict is Verdict.UNKNOWN


def test_wiped_data_is_shown():
    history = vanished("empty_restart", ("n0", "a", 0, 900), ("n0", "b", 1600, 6000))
    assert checks.data_is_wiped()(history.build()).verdict is Verdict.VALID


@pytest.mark.parametrize(
    "history",
    [
        vanished("empty_restart", ("n0", "a", 0, 900), ("n0", "b", 1600, 6000), final="v0"),
        vanished("empty_restart", ("n0", "a", 0, 6000)),
        vanished("empty_restart", ("n0", "a", 0, 900), ("n1", "b", 1600, 6000)),
        vanished("empty_restart", ("n0", "a", 0, 900), ("n0", "b", 1600, 6000), left=("k0",)),
    ],
)
def test_what_another_node_still_has_or_took_over_was_not_wiped(history):
    assert checks.data_is_wiped()(history.build()).verdict is Verdict.UNKNOWN


def demoted(*, lasts=3000, applied=False, elsewhere=True) -> HistoryBuilder:
    h = HistoryBuilder()
    h.fault("demotion", "primary", nodes=("n0",), at=(1000, 5000), evidence="slave")
    for number, at in enumerate(range(1100, 1100 + lasts + 1, 500)):
        h.write(f"k{number}", "v", at=(at, at + 1), outcome="fail", error=READONLY)
    if applied:
        h.write("k", "v", at=(2000, 2001))
    return sampled(h, ("n0", "a", 0, 900), *([("n1", "b", 1200, 6000)] if elsewhere else []))


def test_clients_that_stay_readonly_are_shown():
    finding = checks.clients_stay_readonly(seconds=3)(demoted().build())
    assert finding.verdict is Verdict.VALID
    assert "over 3000 ms, none applied, while n1 was primary" in finding.summary


@pytest.mark.parametrize("otherwise", [{"lasts": 2000}, {"applied": True}, {"elsewhere": False}])
def test_clients_that_could_not_do_better_or_did_are_not_stuck(otherwise):
    assert checks.clients_stay_readonly(seconds=3)(demoted(**otherwise).build()).verdict is Verdict.UNKNOWN
