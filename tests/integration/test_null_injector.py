"""The null injector: where a fault is only claimed, no scenario is valid, whoever lies about it.

Either `inject` does nothing, or it does all it should, and the control, server or Redis that it asks says yes and does
nothing. Both launchers are alike here: the lies are told above them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_arbredis import schedule
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.cli.catalogue import find, shipped
from pytest_arbredis.errors import UnhealedError
from pytest_arbredis.faults import nemesis
from pytest_arbredis.faults.verbs import FAULTS
from pytest_arbredis.testing.null_control import NullControl

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)

SCENARIOS = [scenario for scenarios in shipped().values() for scenario in scenarios if scenario.faults.steps]
SHIPPED = {scenario.name: scenario for scenario in SCENARIOS}

SEEN_WITHIN_S = 1.0


class NullServer:
    """Accepts every signal and every start, and does neither."""

    def __init__(self, real):
        self.real = real

    def signal(self, number):
        """Nothing."""

    def start(self):
        """Nothing."""

    def __getattr__(self, name):
        return getattr(self.real, name)


class LazyServer(NullServer):
    """Heeds signals, and a start only when it is told the second time."""

    told = 0

    def signal(self, number):
        self.real.signal(number)

    def start(self):
        self.told += 1
        if self.told > 1:
            self.real.start()


class BrokenServer(LazyServer):
    """Heeds signals, and never starts again."""

    def start(self):
        """Nothing."""


class NullRedis:
    """Answers every question as the server does; every change is accepted and not made."""

    CHANGES = frozenset({"config_set", "config_rewrite", "set", "sentinel_failover", "unlink", "delete"})

    def __init__(self, real):
        self.real = real

    def __getattr__(self, name):
        return (lambda *_: True) if name in self.CHANGES else getattr(self.real, name)

    def execute_command(self, *words):
        return "OK" if words[0] != "ROLE" else self.real.execute_command(*words)


def lying_control(deployment, monkeypatch):
    monkeypatch.setattr(deployment, "control", NullControl(deployment.control))


def lying_server(deployment, monkeypatch):
    for node in deployment.nodes:
        monkeypatch.setattr(node, "server", NullServer(node.server))


def lazy_server(deployment, monkeypatch):
    for node in deployment.nodes:
        monkeypatch.setattr(node, "server", LazyServer(node.server))


def broken_server(deployment, monkeypatch):
    for node in deployment.nodes:
        monkeypatch.setattr(node, "server", BrokenServer(node.server))


def lying_redis(deployment, monkeypatch):
    for node in deployment.servers:
        monkeypatch.setitem(node.__dict__, "client", NullRedis(node.client))


LIES = {
    "latency": ("disconnects.primary", lying_control),
    "reset": ("disconnects.primary", lying_control),
    "down": ("disconnects.primary", lying_control),
    "limit_data": ("retries.redis", lying_control),
    "crash": ("failover.crash", lying_server),
    "restart": ("failover.crash", lazy_server),
    "pause": ("lost_writes.zombie", lying_server),
    "replication_cut": ("lost_writes.stalled_replication", lying_redis),
    "out_of_memory": ("oom.refusal", lying_redis),
    "failover": ("failover.crash", lying_redis),
}


@pytest.fixture(autouse=True)
def soon_given_up(monkeypatch):
    """A probe looks for an effect for a second, long enough for any real one here."""
    monkeypatch.setattr(nemesis, "OBSERVED_WITHIN_S", {})
    monkeypatch.setattr(nemesis, "OBSERVED_WITHIN_DEFAULT_S", SEEN_WITHIN_S)


def guard_of(result):
    return next(finding for finding in result.findings if finding.claim == "vacuity_guard")


def assert_found_out(result, fault):
    assert result.verdict is Verdict.UNKNOWN
    records = [record for record in result.history.faults if record.name == fault]
    assert records
    assert all(record.evidence is None for record in records)
    assert any(line.startswith(f"{fault} on ") and "was not observed" in line for line in guard_of(result).lines)


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_scenario_whose_faults_do_nothing_is_unknown(judged, monkeypatch, name):
    for fault in FAULTS.values():
        monkeypatch.setattr(fault, "inject", lambda *_: lambda: None)
    scenario = SHIPPED[name]
    result = judged(scenario)
    assert_found_out(result, scenario.faults.steps[0].fault.name)
    assert guard_of(result).verdict is Verdict.UNKNOWN
    if scenario.kind == "hazard":
        assert all(finding.verdict is not Verdict.VALID for finding in result.findings)


@pytest.fixture
def lied_to(pool, judged, monkeypatch):
    """Runs a scenario with the fault of this name on a deployment that lies about it."""

    def run(fault, lie):
        (scenario,) = find([LIES[fault][0]])
        take = pool.take

        def taken(spec):
            deployment = take(spec)
            lie(deployment, monkeypatch)
            return deployment

        monkeypatch.setattr(pool, "take", taken)
        return judged(replace(scenario, faults=ONLY.get(fault, scenario.faults), seconds=None))

    return run


@pytest.mark.parametrize("fault", LIES)
def test_a_control_that_accepts_everything_and_does_nothing_is_found_out(lied_to, fault):
    assert_found_out(lied_to(fault, LIES[fault][1]), fault)


def test_a_server_that_never_starts_again_is_a_failure_of_the_harness_and_no_verdict(lied_to):
    with pytest.raises(UnhealedError, match="crash on primary could not be healed"):
        lied_to("restart", broken_server)


ONLY = {
    "reset": schedule.at(seconds=0.8).reset("primary").lasting(seconds=0.3),
    "down": schedule.at(seconds=0.8).down("primary").lasting(seconds=0.3),
    "failover": schedule.at(seconds=0.8).failover(),
    "restart": schedule.at(seconds=0.8).crash("primary").at(seconds=1.6).restart("crashed"),
}
"""Schedules of the fault alone, where the shipped one has others before it, or the fault is not in it."""


@pytest.mark.usefixtures("launcher")
def test_every_fault_is_lied_about():
    assert set(LIES) == set(FAULTS)
    assert {step.fault.name for scenario in SCENARIOS for step in scenario.faults.steps} <= set(LIES)
