"""The null injector: where a fault is only claimed, no scenario is valid, whoever lies about it.

Either `inject` does nothing, or it does all it should, and the control, server or Redis that it asks says yes and does
nothing. Both launchers are alike here: the lies are told above them.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from fault_cases import NullServer, lying_control, lying_redis

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.cli.catalogue import QUICK, find, shipped
from pytest_arbredis.errors import UnhealedError
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.report.text import failure_text

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)

SCENARIOS = [scenario for scenarios in shipped().values() for scenario in scenarios if scenario.faults.steps]
SHIPPED = {scenario.name: scenario for scenario in SCENARIOS}

SEEN_WITHIN_S = 0.6


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


def lazy_server(deployment, monkeypatch):
    for node in deployment.nodes:
        monkeypatch.setattr(node, "server", LazyServer(node.server))


def broken_server(deployment, monkeypatch):
    for node in deployment.nodes:
        monkeypatch.setattr(node, "server", BrokenServer(node.server))


LIES = {
    "latency": ("disconnects.primary", lying_control),
    "restart": ("failover.crash", lazy_server),
    "replication_cut": ("lost_writes.stalled_replication", lying_redis),
}
"""One of each kind of liar through a whole run; `test_faults` has every fault lied about."""


@pytest.fixture(autouse=True)
def soon_given_up(monkeypatch):
    """A probe looks for an effect for a moment, long enough for any real one here."""
    for fault in FAULTS.values():
        monkeypatch.setattr(fault, "nature", replace(fault.nature, observed_within_s=SEEN_WITHIN_S))


def guard_of(result):
    return next(finding for finding in result.findings if finding.claim == "vacuity_guard")


def assert_found_out(result, fault):
    assert result.verdict is Verdict.UNKNOWN, failure_text(result)
    records = [record for record in result.history.faults if record.name == fault]
    assert records
    assert all(record.evidence is None for record in records)
    assert any(line.startswith(f"{fault} on ") and "was not observed" in line for line in guard_of(result).lines)


@pytest.mark.parametrize(
    "name",
    [name if name.partition(".")[0] in QUICK else pytest.param(name, marks=pytest.mark.thorough) for name in SHIPPED],
)
def test_a_shipped_scenario_whose_faults_do_nothing_is_unknown(judged, monkeypatch, name):
    for fault in FAULTS.values():
        monkeypatch.setattr(fault, "inject", lambda *_: lambda: None)
    scenario = SHIPPED[name]
    result = judged(scenario)
    assert_found_out(result, scenario.faults.steps[0].fault.name)
    assert guard_of(result).verdict is Verdict.UNKNOWN
    if scenario.kind == "hazard" and not name.endswith(".naive"):  # what a twin does wrong may need no fault
        assert not any(finding.claim == "violated" and finding.verdict is Verdict.VALID for finding in result.findings)


@pytest.fixture
def lied_to(pool, judged, monkeypatch):
    """Runs a scenario with the fault of this name on a deployment that lies about it."""

    def run(fault, lie):
        (scenario,) = find([LIES[fault][0]])
        take = pool.take

        def taken(spec, **how):
            deployment = take(spec, **how)
            lie(deployment, monkeypatch)
            return deployment

        monkeypatch.setattr(pool, "take", taken)
        return judged(scenario)

    return run


@pytest.mark.parametrize("fault", LIES)
def test_a_control_that_accepts_everything_and_does_nothing_is_found_out(lied_to, fault):
    assert_found_out(lied_to(fault, LIES[fault][1]), fault)


def test_a_server_that_never_starts_again_is_a_failure_of_the_harness_and_no_verdict(lied_to):
    with pytest.raises(UnhealedError, match="crash on primary could not be healed"):
        lied_to("restart", broken_server)
