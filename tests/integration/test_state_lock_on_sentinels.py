"""The epoch of a fenced lock comes from real Sentinels, and grows by a real failover."""

from __future__ import annotations

import asyncio
import threading

import pytest
import redis

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import StateError, UnknownPrimaryError
from pytest_arbredis.state.locks.lock import FencedLock
from pytest_arbredis.state.locks.reign import (
    AsyncSentinelReigns,
    Reign,
    SentinelReigns,
    _reign,
    async_reigns_of,
    reigns_of,
)


@pytest.fixture
def settings_(redis_sentinel_urls):
    from urllib.parse import urlsplit

    addresses = tuple((urlsplit(url).hostname, urlsplit(url).port) for url in redis_sentinel_urls)
    return Settings(sentinels=addresses, master_name="arbredis", breaker=None)


def test_tokens_grow_through_a_failover(settings_, faults):
    with StateRedis(settings_) as redis:
        lock = FencedLock(redis, "trades", reigns=reigns_of(settings_))
        before = lock.acquire()
        lock.release(before)
        faults.failover(expect_unobserved=True)
        after = wait_until(lambda: _acquired(lock, later_than=before.token.epoch), within_s=20, what="the new epoch")
    assert after.token > before.token
    assert after.token.epoch > before.token.epoch


def _acquired(lock, *, later_than):
    try:
        held = lock.acquire(within_s=1)
    except StateError:
        return None
    lock.release(held)
    return held if held.token.epoch > later_than else None


def test_both_twins_know_the_same_reign(settings_, redis_topology):
    assert isinstance(reigns_of(settings_), SentinelReigns)
    assert isinstance(async_reigns_of(settings_), AsyncSentinelReigns)
    told = wait_until(lambda: _present(settings_), within_s=5, what="Sentinels that know the run id")
    assert told == asyncio.run(AsyncSentinelReigns(settings_).present())
    with redis_topology.client() as client:
        assert told.run_id == client.info("server")["run_id"]


def _present(settings_):
    try:
        return SentinelReigns(settings_).present()
    except UnknownPrimaryError:
        return None


def test_sentinels_that_are_away_tell_no_reign(unused_tcp_port_of_ours):
    nobody = Settings(sentinels=(("127.0.0.1", unused_tcp_port_of_ours),), breaker=None)
    with pytest.raises(UnknownPrimaryError, match="none of 1 Sentinels"):
        SentinelReigns(nobody).present()
    with pytest.raises(UnknownPrimaryError, match="none of 1 Sentinels"):
        asyncio.run(AsyncSentinelReigns(nobody).present())


@pytest.fixture
def unused_tcp_port_of_ours():
    from small_servers import free_port

    return free_port()


def test_no_sentinel_gives_the_old_primary_the_new_epoch(settings_, faults, redis_topology):
    """A Sentinel that leads a failover has its epoch before it has the new primary: an old one must not use it."""
    wait_until(lambda: _present(settings_), within_s=5, what="Sentinels that know the run id")
    with redis_topology.client() as client:
        old = client.info("server")["run_id"]
    before = SentinelReigns(settings_).present()
    assert before.run_id == old
    told, over = [], threading.Event()

    def watch(address):
        with redis.Redis(host=address[0], port=address[1]) as sentinel:
            while not over.is_set():
                told.extend(_reign(sentinel.execute_command("SENTINEL", "MASTER", settings_.master_name)))

    watching = [threading.Thread(target=watch, args=(address,)) for address in settings_.sentinels]
    for one in watching:
        one.start()
    try:
        faults.failover(expect_unobserved=True)
        wait_until(lambda: any(reign.epoch > before.epoch for reign in told[-50:]), within_s=20, what="the new epoch")
    finally:
        over.set()
        for one in watching:
            one.join()
    assert Reign(epoch=before.epoch, run_id=old) in told
    assert [reign for reign in set(told) if reign.run_id == old and reign.epoch != before.epoch] == []
