"""Every shipped scenario comes out as it says, on real servers: the guarantees hold, the hazards are shown.

The latency budgets are judged by the command's tests: on a busy machine they are rightly inconclusive.
"""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.cli.catalogue import shipped
from pytest_arbredis.report.text import failure_text

SCENARIOS = [
    scenario
    for scenarios in shipped().values()
    for scenario in scenarios
    if scenario.faults.steps and scenario.profiles  # without a profile: of others, who promised nothing; or variants
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_shipped_scenario_comes_out_as_it_says(judged, scenario):
    result = judged(scenario)
    assert result.verdict is Verdict.VALID, failure_text(result)
    assert len(result.history.faults) == len(scenario.faults.steps)
    assert all(fault.evidence for fault in result.history.faults)


def test_all_shipped_scenarios_with_faults_are_here():
    assert {"failover", "lost_writes", "disconnects", "oom", "retries"} <= set(shipped())
    assert len(SCENARIOS) >= 9
