"""Real servers for tests: deployments shared by the tests of a session, reset before each, on either launcher."""

from __future__ import annotations

import pytest
from fault_cases import SENTINEL

from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.run import run
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool


@pytest.fixture(scope="session", params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def launcher(request: pytest.FixtureRequest) -> str:
    """Each launcher in turn: a test that asks for it runs on both."""
    return str(request.param)


@pytest.fixture(scope="session")
def pool(launcher):
    """Deployments of this launcher, for the whole session."""
    with DeploymentPool(Means(launcher=launcher)) as pool:
        yield pool


@pytest.fixture
def deployment(pool):
    """A settled sentinel topology without data or faults."""
    return pool.take(SENTINEL)


@pytest.fixture
def recorder(tmp_path):
    """A history of its own for this test."""
    with Recorder(tmp_path / "history.jsonl", Header(run="test", seed=1, subject="test")) as recorder:
        yield recorder


@pytest.fixture
def nemesis(deployment, recorder):
    """A nemesis on the deployment, which heals at the end of the test."""
    with Nemesis(deployment, recorder) as nemesis:
        yield nemesis


@pytest.fixture
def judged(pool, tmp_path):
    """Runs a scenario and judges it."""
    return lambda scenario: run(scenario, pool, seed=7, runs_dir=tmp_path)
