"""Five of the planted bugs on real servers, one seed each: `make quality` has all of them, and the mended ones."""

from __future__ import annotations

import pytest
from planted.registry import PLANTED
from rehearsal import functional

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.text import failure_text
from pytest_arbredis.run import endpoints_of, run
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool

FIVE = (
    "breaker_lets_two_probes_in",
    "loses_every_nth_write",
    "queue_drops_on_a_crash",
    "reports_failure_of_what_was_applied",
    "writes_to_a_replica",
)
EACH = pytest.mark.parametrize(
    "planted", [one for one in PLANTED if one.name in FIVE], ids=lambda planted: planted.name
)


@pytest.fixture(scope="module")
def pool():
    with DeploymentPool(Means(launcher="process")) as pool:
        yield pool


def test_there_are_five():
    assert sum(one.name in FIVE for one in PLANTED) == 5


@EACH
def test_a_planted_bug_is_found(planted, pool, tmp_path):
    result = run(planted.scenario(planted.bot(buggy=True)), pool, seed=1, runs_dir=tmp_path)
    assert result.findings[0].verdict is Verdict.INVALID, failure_text(result)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_every_bug_passes_a_functional_test_without_faults(planted, pool):
    """On its topology: what no fault shows, and no check, is not seen by such a test."""
    deployment = pool.take(planted.topology)
    functional(planted, buggy=True, endpoints=endpoints_of(deployment), run="functional")
