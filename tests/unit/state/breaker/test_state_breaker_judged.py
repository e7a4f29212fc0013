"""Our breaker before the harness's own judge: always valid; with a hardening left out, invalid."""

from __future__ import annotations

import pytest
from guarded_load import GuardedLoad

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.state.breaker.policy import BreakerPolicy

POLICIES = {
    "one probe": BreakerPolicy(failures=3, open_s=1, probe_lease_s=4),
    "one probe altogether": BreakerPolicy(failures=3, open_s=1, probes=1, probe_lease_s=4),
    "three probes": BreakerPolicy(failures=2, open_s=1, probes_at_once=3, successes_to_close=2, probe_lease_s=4),
    "rates": BreakerPolicy(
        failures=4, failure_rate=0.4, slow_rate=0.5, slow_ms=500, minimum_calls=5, open_s=1, probe_lease_s=4
    ),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
@pytest.mark.parametrize("seed", range(40))
def test_random_calls_are_judged_valid(policy, seed):
    load = GuardedLoad(policy)
    load.at_random(seed, 400)
    check = checks.breaker_follows_its_automaton(timeout_s=policy.open_s, probes=policy.probes_at_once, at_once=True)
    finding = check(load.history())
    assert finding.verdict is Verdict.VALID, finding
    assert finding.figures["opened"] >= 2
    assert finding.figures["probes"] >= 1


def half_open_meets_a_crowd(load):
    load.opened()
    load.clock.advance(1)
    crowd = [load.begin() for _ in range(5)]
    for call in filter(None, crowd):
        load.clock.advance(0.01)
        load.end(call, "succeeded")


def a_probe_fails_when_another_has_closed_it(load):
    load.opened()
    load.clock.advance(1)
    first, second = load.begin(), load.begin()
    load.end(first, "succeeded")
    load.clock.advance(1)
    for _ in range(3):
        load.call("succeeded")
    load.end(second, "failed")
    load.clock.advance(0.5)
    load.call("succeeded")
    load.clock.advance(1)
    load.call("succeeded")


def the_wall_clock_is_set_back(load):
    load.opened()
    load.clock.wall_step_s = -3600
    for _ in range(10):
        load.clock.advance(0.3)
        load.call("succeeded")


def the_wall_clock_is_set_forward(load):
    load.opened()
    load.clock.advance(0.2)
    load.clock.wall_step_s = 3600
    for _ in range(10):
        load.call("succeeded")
        load.clock.advance(0.3)


ONE = POLICIES["one probe"]
TWO = BreakerPolicy(failures=2, open_s=1, probes_at_once=2)
ABLATIONS = [
    (half_open_meets_a_crowd, ONE, "probe-limit", "calls were let in while half-open (1 allowed)"),
    (a_probe_fails_when_another_has_closed_it, TWO, "late-results-ignored", "a late probe opened a closed breaker"),
    (the_wall_clock_is_set_back, ONE, "monotonic-clock", "after its time-out, though operation"),
    (the_wall_clock_is_set_forward, ONE, "monotonic-clock", "its time-out is 1000 ms"),
]
HARDENINGS = ["probe-limit", "late-results-ignored", "monotonic-clock"]


def judged(drive, policy, without):
    load = GuardedLoad(policy, without=without)
    drive(load)
    check = checks.breaker_follows_its_automaton(timeout_s=policy.open_s, probes=policy.probes_at_once)
    return check(load.history())


@pytest.mark.parametrize(
    ("drive", "policy", "claimed", "words"), ABLATIONS, ids=lambda value: getattr(value, "__name__", None)
)
def test_each_hardening_turns_its_own_scenario_and_no_other(drive, policy, claimed, words):
    """The ablation matrix: valid with all of them, invalid without the claimed one, valid without any other."""
    assert judged(drive, policy, ()).verdict is Verdict.VALID
    for hardening in HARDENINGS:
        finding = judged(drive, policy, [hardening])
        assert (finding.verdict is Verdict.INVALID) is (hardening == claimed), (hardening, finding)
        if hardening == claimed:
            assert words in finding.summary
