"""Where the primary is: Sentinels that fail over, stall, or are dead; a Redis that says it is a replica now."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
import redis
from small_servers import SERVER, free_port, started

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.asks import Command, Confirm
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.eviction import require_no_eviction
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.connections.urls import settings_of_env
from pytest_arbredis.state.errors import (
    DeadlineExceededError,
    ReadOnlyError,
    UnavailableError,
    UnknownPrimaryError,
    UnreachableError,
    UnsafePolicyError,
)

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")

SENTINEL = pytest.mark.arbredis(topology="sentinel", replicas=2, sentinels=3, launcher="process")


def one(*args):
    return (yield Command(*args))


def confirmed(*args):
    yield Command(*args)
    return (yield Confirm(2, 500))


@pytest.fixture
def settings(redis_env):
    return settings_of_env(redis_env)


class Waited:
    """An `AsyncStateRedis` whose calls are waited for."""

    def __init__(self, settings, runner):
        self._runner = runner
        self.state = AsyncStateRedis(settings)

    def run(self, plan, **how):
        return self._runner.run(self.state.run(plan, **how))


@pytest.fixture(params=["threads", "asyncio"])
def opened(request):
    """Opens a layer, whose calls may be made one after the other."""
    if request.param == "threads":
        states = []

        def open_one(settings):
            states.append(StateRedis(settings))
            return states[-1]

        yield open_one
        for state in states:
            state.close()
    else:
        with asyncio.Runner() as runner:
            waited = []

            def open_other(settings):
                waited.append(Waited(settings, runner))
                return waited[-1]

            yield open_other
            for one_ in waited:
                runner.run(one_.state.close())


def answered(state, *args, within_s):
    """Whether a call was answered; it may be refused or lost."""
    try:
        state.run(one(*args), within_s=within_s)
    except UnavailableError:
        return False
    return True


@SENTINEL
def test_a_crash_of_the_primary_is_survived_within_one_deadline(opened, settings, faults):
    state = opened(replace(settings, breaker=None))
    assert state.run(confirmed("SET", "k", "before")) == 2
    faults.crash("primary")
    assert state.run(one("GET", "k"), within_s=8) == b"before"
    assert state.run(one("SET", "k", "after"), within_s=2) == b"OK"


@SENTINEL
def test_a_primary_that_stalls_holds_nobody_beyond_the_deadline(opened, settings, faults):
    state = opened(replace(settings, breaker=None))
    state.run(one("SET", "k", "v"))
    faults.pause("primary")
    began = time.monotonic()
    with pytest.raises(DeadlineExceededError) as raised:
        state.run(one("SET", "k", "lost?"), within_s=0.3)
    assert 0.28 <= time.monotonic() - began < 0.45
    assert raised.value.applied == "unknown"
    began = time.monotonic()
    with pytest.raises(UnavailableError) as again:
        state.run(one("SET", "k", "lost?"), within_s=0.2)
    assert time.monotonic() - began < 0.35
    assert again.value.applied == "no", "no connection was made any more"
    wait_until(lambda: answered(state, "SET", "k", "found", within_s=1), within_s=10, what="the new primary to answer")
    assert state.run(one("GET", "k")) == b"found"


@SENTINEL
def test_a_planned_failover_leaves_no_connection_to_the_old_primary(opened, settings, redis_topology, faults):
    state = opened(replace(settings, breaker=None))
    state.run(one("SET", "k", "v"))
    faults.failover("primary")
    for value in range(20):
        wait_until(lambda value=value: answered(state, "SET", "k", value, within_s=2), within_s=8, what="a write")
    redis_topology.settled()
    assert redis_topology.client().get("k") == b"19"


@SENTINEL
def test_a_dead_sentinel_costs_its_short_time_out_and_only_once(opened, settings):
    dead = ("127.0.0.1", free_port())
    state = opened(replace(settings, sentinels=(dead, *settings.sentinels)))
    assert state.run(one("PING"), within_s=1) == b"PONG"


@SENTINEL
def test_a_name_that_no_sentinel_knows_is_an_error_of_its_own(opened, settings):
    state = opened(replace(settings, master_name="nobody"))
    began = time.monotonic()
    with pytest.raises(UnknownPrimaryError, match="nobody") as raised:
        state.run(one("PING"), within_s=2)
    assert time.monotonic() - began < 4
    assert raised.value.applied == "no"


def test_no_sentinel_at_all_is_unreachable_within_the_deadline(opened):
    dead = tuple(("127.0.0.1", free_port()) for _ in range(3))
    state = opened(Settings(sentinels=dead))
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="none of 3 Sentinels") as raised:
        state.run(one("INCR", "k"), within_s=0.5)
    assert not isinstance(raised.value, UnknownPrimaryError)
    assert time.monotonic() - began < 2
    assert raised.value.applied == "no"


def test_a_replica_is_told_from_a_primary(opened, tmp_path):
    with started(tmp_path) as port, redis.Redis(port=port) as client:
        state = opened(Settings(address=("127.0.0.1", port), breaker=None))
        assert state.run(one("SET", "k", 1)) == b"OK"
        client.replicaof("127.0.0.1", free_port())
        with pytest.raises(ReadOnlyError) as raised:
            state.run(one("SET", "k", 2))
        assert raised.value.applied == "no"
        client.replicaof("NO", "ONE")
        assert state.run(one("SET", "k", 3)) == b"OK"


def test_a_server_that_evicts_any_key_is_refused_for_state(opened, tmp_path):
    with started(tmp_path, "--maxmemory-policy", "allkeys-lru") as port:
        with pytest.raises(UnsafePolicyError, match="allkeys-lru"):
            opened(Settings(address=("127.0.0.1", port))).run(one("SET", "k", 1))
        assert opened(Settings(address=("127.0.0.1", port), keeps_state=False)).run(one("SET", "k", 1)) == b"OK"
        with (
            StateRedis(Settings(address=("127.0.0.1", port), keeps_state=False)) as state,
            pytest.raises(UnsafePolicyError),
        ):
            require_no_eviction(state)


def test_a_password_that_is_wrong_is_shown_nowhere(opened, tmp_path):
    with started(tmp_path) as port, redis.Redis(port=port) as client:
        client.config_set("requirepass", "right-secret")
        state = opened(Settings(address=("127.0.0.1", port), password="wrong-secret"))  # noqa: S106 - a test's
        with pytest.raises(Exception, match="WRONGPASS") as raised:
            state.run(one("PING"))
        error = raised.value
        while error is not None:
            assert "secret" not in repr(error) + str(error)
            error = error.__cause__ or error.__context__
        right = opened(Settings(address=("127.0.0.1", port), password="right-secret"))  # noqa: S106 - as above
        assert right.run(one("PING")) == b"PONG"
