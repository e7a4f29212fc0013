"""Without faults the naive session store and the hardened one do the same."""

from __future__ import annotations

import pytest
import redis

from pytest_arbredis.scenarios.naive.sessions import NaiveStateStore
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.sessions.store import StateStore

pytestmark = pytest.mark.arbredis(topology="single")

STATE = {
    "session": {"id": "s1", "live": False},
    "positions": {"BTC/USDT": {"size": 1.5, "entries": [1, 2]}},
    "metrics": {"trades": 3},
    "risk_guard": {"halted": None},
}


@pytest.fixture(params=["naive", "hardened"])
def store(request, redis_direct_url):
    if request.param == "hardened":
        with StateRedis.from_url(redis_direct_url) as state:
            yield StateStore(state)
    else:
        naive = NaiveStateStore(redis.Redis.from_url(redis_direct_url))
        yield naive
        naive.close()


def test_what_was_saved_is_loaded(store):
    store.save_state_to_redis("paper", "s1", STATE)
    assert store.load_state_from_redis("paper", "s1") == STATE


def test_a_later_save_with_the_same_fields_takes_its_place(store):
    store.save_state_to_redis("paper", "s1", STATE)
    later = {**STATE, "metrics": {"trades": 4}}
    store.save_state_to_redis("paper", "s1", later)
    assert store.load_state_from_redis("paper", "s1") == later


def test_sessions_and_environments_are_apart(store):
    store.save_state_to_redis("paper", "s1", STATE)
    store.save_state_to_redis("live", "s1", {**STATE, "metrics": {"trades": 9}})
    assert store.load_state_from_redis("paper", "s1") == STATE
    assert store.load_state_from_redis("paper", "s2") == {}


def test_it_expires_where_that_is_asked_for(store, redis_direct_url):
    store.save_state_to_redis("paper", "s1", STATE, ttl_s=100)
    with redis.Redis.from_url(redis_direct_url) as raw:
        assert {90 < raw.ttl(key) <= 100 for key in raw.scan_iter()} == {True}


def test_what_was_deleted_is_gone(store):
    store.save_state_to_redis("paper", "s1", STATE)
    assert store.delete_state_from_redis("paper", "s1")
    assert not store.delete_state_from_redis("paper", "s1")
    assert store.load_state_from_redis("paper", "s1") == {}
