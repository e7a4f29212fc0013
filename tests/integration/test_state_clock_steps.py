"""What a step of the server's clock does to what lies there, in both directions, as docs/state/server.md says.

A step is made of its other side: instead of Redis's clock what was stored by it is moved, times and expiries, the other
way. So an hour back is a value that was written an hour ahead, and an hour forward one that was written an hour ago.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from small_servers import started
from state_twins import TWINS, connected

from pytest_arbredis.state.cache import plans as cache_plans
from pytest_arbredis.state.errors import ConflictError
from pytest_arbredis.state.keyspace.patterns import API_LIMIT
from pytest_arbredis.state.limits.limit import Limit
from pytest_arbredis.state.limits.window import AsyncSlidingWindow, SlidingWindow
from pytest_arbredis.state.locks.lock import AsyncFencedLock, AsyncFencedResource, FencedLock, FencedResource
from pytest_arbredis.state.manager.aio import AsyncStateManager
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import AsyncTaskQueue, TaskQueue
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


def behind_us(plain):
    """The server's time an hour ago, in microseconds."""
    return ahead_us(plain) - 2 * HOUR_US


def step(plain, *, hours):
    """Every time to live ends so much earlier (a step forward), or later (back)."""
    for key in plain.scan_iter():
        left_ms = plain.pttl(key)
        if left_ms >= 0:
            plain.pexpire(key, left_ms - hours * HOUR_US // 1000)


@pytest.fixture
def manager(at, port):
    """A state manager, sync or asyncio."""
    make, _ = at
    made = make(
        lambda _: StateManager("127.0.0.1", port, namespace="paper:local"),
        lambda _: AsyncStateManager("127.0.0.1", port, namespace="paper:local"),
    )
    made.reconcile()
    yield made
    made.close()


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


def test_a_session_looks_older_by_a_step_forward_and_its_versions_go_on(at):
    make, plain = at
    store = make(StateStore, AsyncStateStore)
    first = store.save_state_to_redis("paper", "s1", {"session": {"x": 1}})
    behind = behind_us(plain)
    plain.hset("arbitrage:state:paper:s1:session", mapping={":version": behind, ":saved_ms": behind // 1000})
    saved = store.save_state_to_redis("paper", "s1", {"session": {"x": 2}})
    assert saved.version > first.version
    plain.hset("arbitrage:state:paper:s1:session", ":saved_ms", behind // 1000)
    cleaner = make(Cleaner, AsyncCleaner)
    assert cleaner.cleanup(Wish(older_than_s=7200, delete=True)).deleted.count == 0
    assert cleaner.cleanup(Wish(older_than_s=3600, delete=True)).deleted.count == 1


def test_a_position_that_was_saved_long_ago_goes_on(at):
    make, plain = at
    store = make(TradingStore, AsyncTradingStore)
    opened = Position(symbol="BTC", side="long", entry_price=Decimal(1))
    store.save_position("u1", opened)
    behind = behind_us(plain)
    plain.hset("user:u1:position:BTC:long", "_version", behind)
    assert store.save_position("u1", replace(opened, version=behind, dca_count=1)).version > behind


def test_a_window_forgets_what_came_before_a_step_forward(at):
    make, plain = at
    window = make(SlidingWindow, AsyncSlidingWindow, LIMIT)
    behind = behind_us(plain)
    plain.zadd("ratelimit:api:u1", {"a": behind, "b": behind + 1, "c": behind + 2})
    assert [window.take("u1").allowed for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize(("hours", "age_s", "alive"), [(1, 3600, False), (-1, 0, True)], ids=["forward", "back"])
def test_a_heartbeat_is_older_by_a_step_forward_and_of_no_age_by_one_back(at, manager, hours, age_s, alive):
    _, plain = at
    manager.set_heartbeat("engine", ttl_s=7200)
    (key,) = (key for key in plain.scan_iter() if b"heartbeat" in key)
    plain.hset(key, "at", int(plain.hget(key, "at")) - hours * HOUR_US)
    beat = manager.read_heartbeat("engine")
    assert beat.alive is alive
    assert beat.age_s == pytest.approx(age_s, abs=5)


def test_what_has_a_time_to_live_ends_as_a_whole_by_a_step_forward_and_later_by_one_back(at):
    make, plain = at
    store = make(StateStore, AsyncStateStore)
    state = {"session": {"x": 1}, "positions": {}, "metrics": {}, "risk_guard": {}}
    store.save_state_to_redis("paper", "s1", state, ttl_s=1800)
    step(plain, hours=-1)
    assert all(plain.pttl(key) > HOUR_US // 1000 for key in plain.scan_iter())
    assert store.load_state_from_redis("paper", "s1") == state
    step(plain, hours=2)
    assert store.load_state_from_redis("paper", "s1") == {}
    assert plain.dbsize() == 0


def test_after_a_step_forward_a_lock_has_two_holders_of_whom_the_fence_hears_one(at):
    make, plain = at
    lock, other = (make(FencedLock, AsyncFencedLock, "desk", ttl_s=10) for _ in range(2))
    resource = make(FencedResource, AsyncFencedResource, "desk")
    held = lock.acquire()
    step(plain, hours=1)
    newer = other.acquire()
    assert newer.token > held.token
    resource.write(newer.token, "new")
    with pytest.raises(ConflictError):
        resource.write(held.token, "old")
    assert not lock.release(held)
    with pytest.raises(ConflictError):
        lock.extend(held)
    assert resource.read()[0] == b"new"


def test_after_a_step_back_a_lock_is_held_longer_and_its_holder_can_release_it(at):
    make, plain = at
    lock, other = (make(FencedLock, AsyncFencedLock, "desk", ttl_s=10) for _ in range(2))
    held = lock.acquire()
    step(plain, hours=-1)
    with pytest.raises(ConflictError):
        other.acquire()
    assert lock.release(held)
    assert other.acquire().token > held.token


def test_after_a_step_forward_a_task_is_given_again_and_its_first_holder_is_told(at):
    make, plain = at
    first, second = (make(TaskQueue, AsyncTaskQueue, consumer=name, rules=QueueRules()) for name in ("c1", "c2"))
    first.put({"buy": 1})
    task = first.take(wait_s=0.1)
    plain.zincrby("queue:tasks:consumers", -HOUR_US // 1000, "c1")
    assert second.recover() == 1
    again = second.take(wait_s=0.1)
    assert again.payload == {"buy": 1}
    with pytest.raises(ConflictError):
        first.ack(task)
    second.ack(again)
    assert second.recover() == 0


def test_after_a_step_back_a_dead_consumers_task_waits_until_the_step_is_over(at):
    make, plain = at
    dead, other = (make(TaskQueue, AsyncTaskQueue, consumer=name, rules=QueueRules()) for name in ("c1", "c2"))
    dead.put({"buy": 1})
    assert dead.take(wait_s=0.1)
    plain.zincrby("queue:tasks:consumers", HOUR_US // 1000, "c1")
    assert other.recover() == 0
    assert other.take(wait_s=0.05) is None
    plain.zincrby("queue:tasks:consumers", -2 * HOUR_US // 1000, "c1")
    assert other.recover() == 1


def test_after_a_step_forward_a_slow_reader_has_lost_its_lease_and_keeps_nothing(at):
    make, plain = at
    run = make(lambda state: state, lambda state: state).run
    assert run(cache_plans.look("price:BTC", "slow", lease_ms=5000)).leads
    step(plain, hours=1)
    assert run(cache_plans.look("price:BTC", "next", lease_ms=5000)).leads
    assert not run(cache_plans.fill("price:BTC", "slow", b"1", ttl_ms=1000, lease_ms=5000))
    assert run(cache_plans.fill("price:BTC", "next", b"2", ttl_ms=1000, lease_ms=5000))
    assert plain.get("price:BTC") == b"2"


def test_after_a_step_back_a_lost_lease_is_held_longer_and_its_reader_may_give_it_up(at):
    make, plain = at
    run = make(lambda state: state, lambda state: state).run
    assert run(cache_plans.look("price:BTC", "slow", lease_ms=5000)).leads
    step(plain, hours=-1)
    assert not run(cache_plans.look("price:BTC", "next", lease_ms=5000)).leads
    run(cache_plans.give_up({("price:BTC", "slow")}))
    assert run(cache_plans.look("price:BTC", "next", lease_ms=5000)).leads
