"""A real run of a shared register is linearizable; with one lie in its history the verdict flips, or need not.

Whether it need is decided by two algorithms that share nothing: zones, and the search.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.load.objects import OnObjects
from pytest_arbredis.report.text import failure_text

sys.path.append(str(Path(__file__).parent.parent / "quality"))
from mutations import mutants
from test_mutations_of_histories import BY_SEARCH, BY_ZONES

SHARED = Scenario(
    name="shared_register",
    promise="A register on one server is linearizable, replies lost or not.",
    topology=topologies.single(),
    subject=subjects.pool(),
    workload=OnObjects(model="register", rate_hz=300, clients=6, keys=3),
    faults=schedule.at(seconds=0.4).reset("primary").lasting(seconds=0.2),
    seconds=1.2,
    checks=(checks.linearizable_register(),),
)
SEEDS = 12


@pytest.mark.parametrize("launcher", ["process"], indirect=True)
def test_every_lie_in_a_real_history_is_seen_by_both_algorithms_or_by_none(judged):
    result = judged(SHARED)
    assert result.verdict is Verdict.VALID, failure_text(result)
    assert BY_SEARCH(result.history).verdict is Verdict.VALID
    flipped, tried = Counter(), Counter()
    for seed in range(SEEDS):
        for mutant in mutants(result.history, Random(seed)):
            by_zones, by_search = BY_ZONES(mutant.history), BY_SEARCH(mutant.history)
            assert by_zones.verdict is by_search.verdict, (mutant.name, mutant.ids, by_zones.summary)
            assert by_zones.verdict is not Verdict.UNKNOWN
            tried[mutant.name] += 1
            flipped[mutant.name] += by_zones.verdict is Verdict.INVALID
    assert set(tried) == {"drop_a_write", "swap_a_value", "shift_a_read", "double_an_operation"}
    assert flipped["drop_a_write"] == SEEDS
    for name in tried:
        assert flipped[name] > 0, name
