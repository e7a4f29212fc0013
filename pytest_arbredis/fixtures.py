"""The fixtures: function-scoped views on deployments that are cached per worker and reset before each test.

None of them depends on a public one, so overriding one is safe: what they share is `_arbredis_view` and
`_arbredis_recorder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from redis.asyncio import Redis as AsyncRedis
    from redis.sentinel import Sentinel

    from pytest_arbredis.faults.bench import FaultBench
    from pytest_arbredis.session import Arbredis
    from pytest_arbredis.views.budget import LatencyBudget
    from pytest_arbredis.views.recording import OperationRecorder
    from pytest_arbredis.views.topology import TopologyView


@pytest.fixture(scope="session")
def arbredis(pytestconfig: pytest.Config) -> Arbredis:
    """The harness of this session: `arbredis.run(scenario).assert_valid()`."""
    from pytest_arbredis.session import of
    from pytest_arbredis.views.telling import told

    with told():
        session = of(pytestconfig)
        session.chosen  # noqa: B018 - what is missing is told at set-up, not in the middle of a test
        return session


@pytest.fixture
def _arbredis_view(request: pytest.FixtureRequest) -> Iterator[TopologyView]:
    """The deployment of this test, as its marker wants it: reset, settled, recorded."""
    from pytest_arbredis.session import of
    from pytest_arbredis.views.telling import told

    with told(), of(request.config).view(request.node) as view:
        yield view


@pytest.fixture
def _arbredis_recorder(_arbredis_view: TopologyView) -> OperationRecorder:
    """Operations of the test, in its history."""
    return _arbredis_view.operations


@pytest.fixture
def redis_topology(_arbredis_view: TopologyView) -> TopologyView:
    """Roles, nodes, `.client()`, `.async_client()`, `.settled()` of the real servers of this test."""
    return _arbredis_view


@pytest.fixture
def redis_client(request: pytest.FixtureRequest, _arbredis_view: TopologyView) -> Iterator[redis.Redis]:
    """A `redis.Redis` to the present primary, through its proxy.

    It records its operations where the test uses `redis_recorder` or has the marker `latency_budget`.
    """
    from pytest_arbredis.views.budget import records

    client = _arbredis_view.client(recorded=records(request, _arbredis_view))
    yield client
    client.close()


@pytest.fixture
def redis_async_client(request: pytest.FixtureRequest, _arbredis_view: TopologyView) -> Iterator[AsyncRedis]:
    """A `redis.asyncio.Redis` to the present primary, through its proxy: unconnected, for any event loop.

    Nobody has to close it: what it left open ends with its event loop. It records as `redis_client` does.
    """
    from pytest_arbredis.views.async_client import close_now
    from pytest_arbredis.views.budget import records

    client = _arbredis_view.async_client(recorded=records(request, _arbredis_view))
    yield client
    close_now(client)


@pytest.fixture
def redis_sentinel(_arbredis_view: TopologyView) -> Iterator[Sentinel]:
    """A `redis.sentinel.Sentinel` that knows all Sentinels of this test, through their proxies."""
    from pytest_arbredis.views.telling import told

    with told():
        sentinel = _arbredis_view.sentinel()
    yield sentinel
    for known in sentinel.sentinels:
        known.close()


@pytest.fixture
def redis_url(_arbredis_view: TopologyView) -> str:
    """`redis://…` of the node that is primary at the start, through its proxy."""
    return _arbredis_view.url


@pytest.fixture
def redis_direct_url(_arbredis_view: TopologyView) -> str:
    """`redis://…` of the node that is primary at the start, past its proxy: no network fault is felt there."""
    return _arbredis_view.direct_url


@pytest.fixture
def redis_primary_url(_arbredis_view: TopologyView) -> str:
    """`redis://…` of one stable address that follows the primary, for bots that know no Sentinel."""
    from pytest_arbredis.views.telling import told

    with told():
        return _arbredis_view.primary_url


@pytest.fixture
def redis_sentinel_urls(_arbredis_view: TopologyView) -> tuple[str, ...]:
    """`redis://…` of each Sentinel, through its proxy."""
    from pytest_arbredis.views.telling import told

    with told():
        return _arbredis_view.sentinel_urls


@pytest.fixture
def redis_env(_arbredis_view: TopologyView) -> dict[str, str]:
    """Environment variables for a bot in another process: REDIS_URL, REDIS_HOST, REDIS_PORT and their like."""
    return _arbredis_view.env


@pytest.fixture
def redis_recorder(_arbredis_recorder: OperationRecorder) -> OperationRecorder:
    """Operations of `redis_client`, and blocks of one's own, recorded into the test's history."""
    return _arbredis_recorder


@pytest.fixture
def latency_budget(_arbredis_view: TopologyView, _arbredis_recorder: OperationRecorder) -> LatencyBudget:
    """`latency_budget(callable, p99_ms=0.5)`: called 10 000 times and judged against the noise floor beside it."""
    from pytest_arbredis.views.budget import LatencyBudget

    return LatencyBudget(_arbredis_view, _arbredis_recorder)


@pytest.fixture
def faults(_arbredis_view: TopologyView) -> FaultBench:
    """Faults that are injected when called: `faults.latency("primary", ms=200)`; what is left heals at teardown."""
    return _arbredis_view.faults


FIXTURES = frozenset(
    (
        *("arbredis", "faults", "latency_budget", "redis_async_client", "redis_client", "redis_direct_url"),
        *("redis_env", "redis_primary_url", "redis_recorder", "redis_sentinel", "redis_sentinel_urls"),
        *("redis_topology", "redis_url"),
    )
)
"""Tests that use one of these get the marker `arbredis`."""
