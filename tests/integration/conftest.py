"""Real servers for tests: deployments shared by the tests of a session, reset before each, on either launcher."""

from __future__ import annotations

import os

import pytest
from fault_cases import SENTINEL

from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.run import run
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool

ALIKE_ON_BOTH = frozenset(
    (
        *("bandwidth", "blackhole", "client_kill", "client_pause", "client_pause_of_writes", "down", "eviction"),
        *("limit_data", "limit_data_after_handshake", "max_clients", "no_replicas", "replication_cut", "reset"),
        *("slice", "slow_close", "stall", "busy_script", "demotion", "latency", "blackhole_of_requests"),
        *("demotion_without_sentinels", "demotion_without_replicas", "eviction_of_what_expires", "out_of_memory"),
        *("disk_full_under_sentinels", "slow_disk_in_the_background", "loading"),
    )
)
"""Cases of faults on links and in Redis itself, which a launcher has no part in."""


ON_CONTAINERS = frozenset({"failover.crash", "oom.refusal", "retries.pool"})
"""Scenarios that `make test` runs on containers too; `make quality` runs all of them there."""

OF_THE_STATE_LAYER = frozenset(
    {
        *("state_sessions.crash", "state_sessions.crash.naive", "state_queue.done", "state_manager.away"),
        *("dual.one_away", "power_loss.everysec"),
    }
)
"""Scenarios of the state layer that `make test` runs. `make quality` runs all, `make promises` each over 20 seeds."""

DIRT_ON_CONTAINERS = frozenset({"dirty_data", "paused_primary_and_sentinel", "crashed_primary"})
"""What a reset cleans up by means of the launcher; the rest is set back in Redis itself."""

ALIKE_FILES = frozenset({"test_breaker_ablations"})
"""Files of tests of what has nothing to do with the launcher."""

LONG = frozenset({"sentinel_minority.lost", "crash_of_a_minority", "down_of_a_majority"})
"""What waits for Sentinels that may have to vote twice."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What containers only repeat, or takes long, is `thorough`: `make quality` runs it, `make test` leaves it out."""
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        scenario = getattr(params.get("scenario"), "name", "")
        of_many = scenario.startswith(("state_", "dual", "power_loss")) and scenario not in OF_THE_STATE_LAYER
        repeated = (scenario and scenario not in ON_CONTAINERS) or params.get("name") in ALIKE_ON_BOTH
        repeated = repeated or item.path.stem in ALIKE_FILES
        repeated = repeated or getattr(params.get("dirt"), "__name__", "dirty_data") not in DIRT_ON_CONTAINERS
        long = of_many or scenario in LONG or params.get("name") in LONG
        if long or (params.get("launcher") == "docker" and repeated):
            item.add_marker("thorough")


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
    """Runs a scenario and judges it; what is not possible here is skipped with the reason, in CI a failure."""

    def judge(scenario):
        result = run(scenario, pool, seed=7, runs_dir=tmp_path)
        if result.not_run:
            (pytest.fail if os.environ.get("ARBREDIS_CI") == "1" else pytest.skip)(result.not_run)
        return result

    return judge
