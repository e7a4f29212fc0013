"""The fixtures: function-scoped views on deployments that are cached per worker and reset before each test.

None of them depends on a public one, so overriding one is safe: what they share is `_arbredis_view`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis
    from redis.sentinel import Sentinel

    from pytest_arbredis.faults.bench import FaultBench
    from pytest_arbredis.session import Arbredis, TopologyView


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of ours as their cause and remedy, without a traceback through the harness."""
    from pytest_arbredis.errors import ArbredisError

    try:
        yield
    except ArbredisError as error:
        raise pytest.fail.Exception(f"{type(error).__name__}: {error}", pytrace=False) from None


@pytest.fixture(scope="session")
def arbredis(pytestconfig: pytest.Config) -> Arbredis:
    """The harness of this session: `arbredis.run(scenario).assert_valid()`."""
    from pytest_arbredis.session import of

    with _told():
        session = of(pytestconfig)
        session.chosen  # noqa: B018 - what is missing is told at set-up, not in the middle of a test
        return session


@pytest.fixture
def _arbredis_view(request: pytest.FixtureRequest) -> Iterator[TopologyView]:
    """The deployment of this test, as its marker wants it: reset, settled, recorded."""
    from pytest_arbredis.session import of

    with _told(), of(request.config).view(request.node) as view:
        yield view


@pytest.fixture
def redis_topology(_arbredis_view: TopologyView) -> TopologyView:
    """Roles, nodes, `.client()`, `.settled()` of the real servers of this test."""
    return _arbredis_view


@pytest.fixture
def redis_client(_arbredis_view: TopologyView) -> Iterator[redis.Redis]:
    """A `redis.Redis` to the present primary, through its proxy."""
    client = _arbredis_view.client()
    yield client
    client.close()


@pytest.fixture
def redis_sentinel(_arbredis_view: TopologyView) -> Iterator[Sentinel]:
    """A `redis.sentinel.Sentinel` that knows all Sentinels of this test, through their proxies."""
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
def redis_env(_arbredis_view: TopologyView) -> dict[str, str]:
    """Environment variables for a bot in another process: REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_SENTINELS."""
    return _arbredis_view.env


@pytest.fixture
def faults(_arbredis_view: TopologyView) -> FaultBench:
    """Faults that are injected when called: `faults.latency("primary", ms=200)`; what is left heals at teardown."""
    return _arbredis_view.faults


FIXTURES = frozenset(
    (
        *("arbredis", "faults", "redis_client", "redis_direct_url"),
        *("redis_env", "redis_sentinel", "redis_topology", "redis_url"),
    )
)
"""Tests that use one of these get the marker `arbredis`."""
