"""The limiter on a real Redis: the window, its key's life, retries, threads; sync and asyncio."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
import redis
from lossy import Lossy
from small_servers import SERVER, started
from state_twins import TWINS, connected

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import KeyRefusedError, UnavailableError
from pytest_arbredis.state.keyspace.patterns import ORDER_LIMIT
from pytest_arbredis.state.limits.limit import API, ORDERS, Limit
from pytest_arbredis.state.limits.window import AsyncSlidingWindow, SlidingWindow

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

SHORT = Limit(keys=ORDER_LIMIT, most=3, window_s=0.1, when_redis_is_away="closed")

LONG = Limit(keys=ORDER_LIMIT, most=9, window_s=60, when_redis_is_away="closed")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def window_of(request, port):
    with connected(request.param, port) as (make, plain):
        yield lambda limit: make(SlidingWindow, AsyncSlidingWindow, limit)
        plain.flushall()


def test_so_many_pass_and_no_more(window_of):
    window = window_of(ORDERS)
    told = [window.take("a1") for _ in range(12)]
    assert [one.allowed for one in told] == [True] * 10 + [False] * 2
    assert [one.remaining for one in told[:10]] == list(range(9, -1, -1))
    assert {one.decided_by for one in told} == {"redis"}
    assert all(earlier.server_us <= later.server_us for earlier, later in pairwise(told))


def test_accounts_have_windows_of_their_own(window_of):
    window = window_of(SHORT)
    assert all(window.take(who).allowed for who in ("a", "b", "c", "d"))


def test_a_request_passes_again_when_the_oldest_has_left_the_window(window_of):
    window = window_of(SHORT)
    first, *_ = [window.take("a") for _ in range(3)]
    refused = window.take("a")
    again = wait_until(lambda: (one := window.take("a")).allowed and one, within_s=5, what="a place in the window")
    assert refused.reset_us == first.server_us + 100_000
    assert again.server_us >= refused.reset_us


def test_to_ask_what_remains_counts_nothing(window_of):
    window = window_of(SHORT)
    assert [window.get_remaining("a").remaining for _ in range(5)] == [3] * 5
    window.take("a")
    looked = window.get_remaining("a")
    assert (looked.remaining, looked.allowed) == (2, True)


def test_the_key_ends_with_its_window(window_of, port):
    window_of(ORDERS).take("a1")
    window_of(API).take("u1")
    with redis.Redis(port=port) as plain:
        assert 500 < plain.pttl("ratelimit:orders:a1") <= 1001
        assert 59_000 < plain.pttl("ratelimit:api:u1") <= 60_001


@pytest.mark.parametrize("first", ["short", "long"])
def test_limits_of_different_windows_share_a_key_and_forget_nothing(window_of, port, first):
    short, long = window_of(SHORT), window_of(LONG)
    (short if first == "short" else long).take("a")
    assert [long.take("a").allowed for _ in range(10)].count(True) == 8, "what another limit let through counts too"
    wait_until(lambda: short.take("a").allowed, within_s=5, what="the short window to move on")
    assert not long.take("a").allowed
    assert long.get_remaining("a").remaining == 0
    with redis.Redis(port=port) as plain:
        assert 59_000 < plain.pttl("ratelimit:orders:a") <= 60_001


def test_a_key_of_a_limit_that_knew_no_others_is_understood(window_of, port):
    with redis.Redis(port=port) as plain:
        seconds, micros = plain.time()
        plain.zadd("ratelimit:orders:a", {f"earlier-{number}": seconds * 1_000_000 + micros for number in range(2)})
    told = [window_of(LONG).take("a").allowed for _ in range(10)]
    assert told.count(True) == 7


def test_a_bad_name_is_refused_before_anything_is_asked(window_of):
    with pytest.raises(KeyRefusedError, match="account_id"):
        window_of(ORDERS).take("a 1")


def test_threads_share_the_limit(port):
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state, ThreadPoolExecutor(50) as threads:
        window = SlidingWindow(state, API)
        told = list(threads.map(lambda _: window.take("threads"), range(300)))
    assert sum(one.allowed for one in told) == 100
    assert {one.decided_by for one in told} == {"redis"}


@pytest.mark.parametrize("policy", ["open", "closed"])
def test_without_redis_the_limit_says_what_becomes_of_requests(tmp_path, policy):
    limit = Limit(keys=ORDER_LIMIT, most=3, window_s=1, when_redis_is_away=policy)
    with started(tmp_path) as port:
        state = StateRedis.from_url(f"redis://127.0.0.1:{port}/0")
        window = SlidingWindow(state, limit)
        assert window.take("a").decided_by == "redis"
    told = window.take("a", within_s=0.3)
    assert (told.allowed, told.decided_by, told.server_us) == (policy == "open", "policy", None)
    with pytest.raises(UnavailableError):
        window.get_remaining("a", within_s=0.3)
    state.close()


def test_replicas_that_do_not_confirm_are_redis_being_away(port):
    limit = Limit(keys=ORDER_LIMIT, most=3, window_s=1, when_redis_is_away="closed", wait_replicas=1, wait_ms=5)
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        told = SlidingWindow(state, limit).take("confirmed")
    assert (told.allowed, told.decided_by) == (False, "policy")


def test_a_request_whose_reply_was_lost_counts_once_and_does_not_pass(port):
    with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
        lossy = Lossy(state)
        window = SlidingWindow(lossy, ORDERS)
        lossy.loses = 0
        assert not window.take("lost").allowed
        assert window.get_remaining("lost").remaining == 9
