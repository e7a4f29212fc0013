"""What is left when the server's clock was ahead, and stepped back: nothing is stuck, nothing counts backwards."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from small_servers import started
from state_twins import TWINS, connected

from pytest_arbredis.state.keyspace.patterns import API_LIMIT
from pytest_arbredis.state.limits.limit import Limit
from pytest_arbredis.state.limits.window import AsyncSlidingWindow, SlidingWindow
from pytest_arbredis.state.retention.cleaner import AsyncCleaner, Cleaner
from pytest_arbredis.state.retention.cleanup import Wish
from pytest_arbredis.state.sessions.aio import AsyncStateStore
from pytest_arbredis.state.sessions.store import StateStore
from pytest_arbredis.state.trading.aio import AsyncTradingStore
from pytest_arbredis.state.trading.position import Position
from pytest_arbredis.state.trading.store import TradingStore

HOUR_US = 3_600_000_000
LIMIT = Limit(keys=API_LIMIT, most=3, window_s=60, when_redis_is_away="closed")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def at(request, port):
    with connected(request.param, port) as made:
        yield made


def ahead_us(plain):
    """The server's time in an hour, in microseconds."""
    seconds, micros = plain.time()
    return seconds * 1_000_000 + micros + HOUR_US


def test_a_session_that_was_saved_ahead_goes_on_and_is_not_old(at):
    make, plain = at
    store = make(StateStore, AsyncStateStore)
    store.save_state_to_redis("paper", "s1", {"session": {"x": 1}})
    ahead = ahead_us(plain)
    plain.hset("arbitrage:state:paper:s1:session", mapping={":version": ahead, ":saved_ms": ahead // 1000})
    saved = store.save_state_to_redis("paper", "s1", {"session": {"x": 2}})
    assert saved.version == ahead + 1
    plain.hset("arbitrage:state:paper:s1:session", ":saved_ms", ahead // 1000)
    report = make(Cleaner, AsyncCleaner).cleanup(Wish(older_than_s=1, delete=True))
    assert (report.kept.count, report.deleted.count) == (1, 0)
    assert store.load_state_from_redis("paper", "s1") == {"session": {"x": 2}}


def test_a_position_that_was_saved_ahead_goes_on(at):
    make, plain = at
    store = make(TradingStore, AsyncTradingStore)
    opened = Position(symbol="BTC", side="long", entry_price=Decimal(1))
    store.save_position("u1", opened)
    ahead = ahead_us(plain)
    plain.hset("user:u1:position:BTC:long", "_version", ahead)
    saved = store.save_position("u1", replace(opened, version=ahead, dca_count=1))
    assert saved.version == ahead + 1


def test_requests_that_were_counted_ahead_count_for_one_window_from_now(at):
    make, plain = at
    window = make(SlidingWindow, AsyncSlidingWindow, LIMIT)
    ahead = ahead_us(plain)
    plain.zadd("ratelimit:api:u1", {"a": ahead, "b": ahead + 1, "c": ahead + 2})
    plain.pexpire("ratelimit:api:u1", HOUR_US // 1000)
    refused = window.take("u1")
    assert not refused.allowed
    assert refused.reset_us == refused.server_us + LIMIT.window_us
    assert plain.pttl("ratelimit:api:u1") <= 60_001
    plain.zadd("ratelimit:api:u1", {"a": refused.server_us - LIMIT.window_us})
    assert window.get_remaining("u1").remaining == 1
    assert window.take("u1").allowed
