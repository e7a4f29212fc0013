"""A window or a session that a server has evicted is not taken for one that never was; threads and asyncio."""

from __future__ import annotations

import pytest
import redis
from small_servers import SERVER, started
from state_twins import TWINS, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.errors import UnsafePolicyError
from pytest_arbredis.state.keyspace.patterns import ORDER_LIMIT
from pytest_arbredis.state.limits.limit import Limit
from pytest_arbredis.state.limits.window import AsyncSlidingWindow, SlidingWindow
from pytest_arbredis.state.sessions.aio import AsyncStateStore
from pytest_arbredis.state.sessions.store import StateStore

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

SHORT = Limit(keys=ORDER_LIMIT, most=3, window_s=0.2, when_redis_is_away="closed")
STATE = {"session": {"balance": 1}, "metrics": {"trades": 2}}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def at(request, port):
    with connected(request.param, port) as made:
        made[1].config_set("maxmemory-policy", "noeviction")
        made[1].config_resetstat()
        yield made


@pytest.fixture
def evicts(at):
    """`evicts(policy)`: the server evicts all that it may under that policy, and has noeviction again."""

    def evict(policy):
        plain = at[1]
        plain.config_set("maxmemory-policy", policy)
        plain.config_set("maxmemory", 1)
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            plain.set("more", "than there is room for")
        plain.config_set("maxmemory", 0)
        plain.config_set("maxmemory-policy", "noeviction")

    return evict


@pytest.fixture
def window_of(at):
    return lambda **kwargs: at[0](SlidingWindow, AsyncSlidingWindow, SHORT, **kwargs)


@pytest.fixture
def store_of(at):
    return lambda **kwargs: at[0](StateStore, AsyncStateStore, **kwargs)


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru"])
def test_nothing_passes_in_a_window_that_may_have_been_evicted(window_of, evicts, policy):
    window = window_of()
    counted = [window.take("a") for _ in range(3)]
    evicts(policy)
    for ask in (window.take, window.get_remaining):
        with pytest.raises(UnsafePolicyError, match="ratelimit:orders:a is absent") as refused:
            ask("a")
        assert refused.value.applied == "no"

    def passes():
        try:
            return window.take("a")
        except UnsafePolicyError:
            return None

    again = wait_until(passes, within_s=5, what="a whole window without evictions")
    assert again.allowed
    assert again.server_us - counted[-1].server_us >= 200_000


def test_a_window_that_is_still_there_is_whole(window_of, at, evicts):
    evicts("allkeys-lru")
    at[1].set("evicted", "later")
    evicts("allkeys-lru")
    window = window_of()
    with pytest.raises(UnsafePolicyError):
        window.take("a")
    at[1].config_resetstat()
    assert [window.take("a").allowed for _ in range(4)] == [True] * 3 + [False]
    at[1].config_set("maxmemory-policy", "allkeys-lru")
    assert not window.take("a").allowed
    with pytest.raises(UnsafePolicyError, match="allkeys-lru"):
        window.take("b")


def test_without_the_guard_an_evicted_window_begins_anew(window_of, evicts):
    window = window_of(_without=frozenset({"eviction-guard"}))
    told = [window.take("a").allowed for _ in range(4)]
    evicts("allkeys-lru")
    assert told + [window.take("a").allowed for _ in range(4)] == [True, True, True, False] * 2


def test_a_session_that_may_have_been_evicted_is_not_said_to_be_absent(store_of, evicts):
    store = store_of()
    assert store.load_state_from_redis("paper", "s1") == {}
    store.save_state_to_redis("paper", "s1", STATE)
    evicts("allkeys-lru")
    with pytest.raises(UnsafePolicyError, match="'s1' is absent, and the server has evicted"):
        store.load_state_from_redis("paper", "s1")
    store.save_state_to_redis("paper", "s1", STATE)
    assert store.load_state_from_redis("paper", "s1") == STATE


def test_no_session_is_saved_where_any_key_may_be_evicted(store_of, at):
    store = store_of()
    store.save_state_to_redis("paper", "s1", STATE)
    at[1].config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(UnsafePolicyError, match="'s1' was not written") as refused:
        store.save_state_to_redis("paper", "s1", {"session": {"balance": 2}})
    assert refused.value.applied == "no"
    assert store.load_state_from_redis("paper", "s1") == STATE
    with pytest.raises(UnsafePolicyError, match="'s2' is absent, and under allkeys-lru"):
        store.load_state_from_redis("paper", "s2")


@pytest.mark.parametrize("without", [{"eviction-guard"}, {"eviction-guard", "one-version-load"}])
def test_without_the_guard_an_evicted_session_never_was(store_of, evicts, without):
    store = store_of(_without=frozenset(without))
    store.save_state_to_redis("paper", "s1", STATE)
    evicts("allkeys-lru")
    assert store.load_state_from_redis("paper", "s1") == {}
