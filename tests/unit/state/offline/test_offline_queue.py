"""Operations that wait while Redis is away: order, bounds, expiry, and what becomes of each; threads and asyncio."""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import threading
import time

import pytest

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.deadline import expires_ns
from pytest_arbredis.state.errors import (
    BacklogFullError,
    CircuitOpenError,
    ConnectionLostError,
    DeadlineExceededError,
    MisuseError,
    NotConfirmedError,
    OutOfMemoryError,
    PoolExhaustedError,
    ServerRefusedError,
    UnreachableError,
    WrongTypeError,
)
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.offline.policy import OfflinePolicy
from pytest_arbredis.state.offline.queue import AsyncOfflineQueue, OfflineQueue

AWAY = UnreachableError("nobody listens")


class Clock:
    """Moved by hand."""

    def __init__(self):
        self.now_s = 0.0

    def monotonic_ns(self):
        return int(self.now_s * NS_PER_S)

    def wall_ns(self):
        raise AssertionError


class Redis:
    """Applies, or raises what it `fails` with: once for an error, always for a list's only element."""

    def __init__(self):
        self.applied = []
        self.fails = None
        self.attempts = 0
        self.limits_s = []
        self.on_attempt = None

    def run(self, plan, *, kind=Kind.FAST, within_s=None):
        assert isinstance(kind, Kind)
        self.attempts += 1
        self.limits_s.append(within_s)
        ask = next(plan)
        if self.on_attempt is not None:
            self.on_attempt(ask.args[1])
        if self.fails is not None:
            plan.close()
            raise self.fails
        self.applied.append(ask.args[1])
        try:
            plan.send(b"OK")
        except StopIteration as done:
            return done.value
        raise AssertionError


class RedisOfTasks(Redis):
    async def run(self, plan, *, kind=Kind.FAST, within_s=None):
        await asyncio.sleep(0)
        return super().run(plan, kind=kind, within_s=within_s)


class Waited:
    """An asyncio queue whose methods are waited for."""

    def __init__(self, queue):
        self._queue = queue

    def __getattr__(self, name):
        method = getattr(self._queue, name)
        return lambda *args, **kwargs: asyncio.run(method(*args, **kwargs))

    def __len__(self):
        return len(self._queue)


def put(value):
    def plan():
        if value is None:
            raise MisuseError("nothing to put")
        yield Command("SET", value)
        return value

    return plan


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sync", "asyncio"])
def made(request, clock):
    """`make(policy, **options)` gives a queue on `redis`; all that was settled is in `told`."""
    redis = Redis() if request.param == "sync" else RedisOfTasks()
    told = []

    def make(**policy):
        without = policy.pop("_without", frozenset())
        options = {"on_settled": told.append, "clock": clock, "chance": random.Random(1), "_without": without}
        if request.param == "sync":
            return OfflineQueue(redis, OfflinePolicy(**policy), **options)
        return Waited(AsyncOfflineQueue(redis, OfflinePolicy(**policy), **options))

    return make, redis, told


def fates(told):
    return [(one.what, one.fate) for one in told]


def test_while_redis_is_there_nothing_waits(made):
    make, redis, told = made
    queue = make()
    answer = queue.do("a", put("a"))
    assert (answer.value, answer.waits) == ("a", False)
    assert (redis.applied, len(queue), told) == (["a"], 0, [])


def test_what_waits_is_sent_in_its_order_before_anything_new(made, clock):
    make, redis, told = made
    queue = make()
    redis.fails = AWAY
    assert [queue.do(name, put(name)).waits for name in "abc"] == [True, True, True]
    redis.fails = None
    clock.now_s = 1.0
    answer = queue.do("d", put("d"))
    assert (answer.value, answer.waits) == ("d", False)
    assert redis.applied == ["a", "b", "c", "d"]
    assert fates(told) == [("a", "sent"), ("b", "sent"), ("c", "sent")]
    assert told[0].waited_s == 1.0


def test_what_has_waited_for_longer_than_it_is_valid_is_never_sent(made, clock):
    make, redis, told = made
    queue = make(valid_for_s=2)
    redis.fails = AWAY
    queue.do("old", put("old"))
    queue.do("lasting", put("lasting"), valid_for_s=60)
    clock.now_s = 2.0
    redis.fails = None
    queue.do("new", put("new"))
    assert redis.applied == ["lasting", "new"]
    assert fates(told) == [("old", "expired"), ("lasting", "sent")]


def test_without_expiry_an_old_order_is_sent_when_redis_is_back(made, clock):
    make, redis, told = made
    queue = make(valid_for_s=2, _without=frozenset({"expiry"}))
    redis.fails = AWAY
    queue.do("old", put("old"))
    clock.now_s = 3600.0
    redis.fails = None
    assert queue.flush() == 0
    assert redis.applied == ["old"]
    assert fates(told) == [("old", "sent")]


def test_a_full_queue_refuses_and_keeps_what_it_has(made):
    make, redis, told = made
    queue = make(most=2)
    redis.fails = AWAY
    queue.do("a", put("a"))
    queue.do("b", put("b"))
    with pytest.raises(BacklogFullError, match="'c' was not taken") as caught:
        queue.do("c", put("c"))
    assert caught.value.applied == "no"
    assert (len(queue), told) == (2, [])


def test_a_full_queue_may_drop_its_oldest_and_say_so(made):
    make, redis, told = made
    queue = make(most=2, when_full="drop-oldest")
    redis.fails = AWAY
    for name in "abc":
        assert queue.do(name, put(name)).waits
    assert fates(told) == [("a", "dropped")]
    redis.fails = None
    queue.flush()
    assert redis.applied == ["b", "c"]


def test_without_a_bound_as_many_wait_as_come(made):
    make, redis, _ = made
    queue = make(most=2, _without=frozenset({"bounded"}))
    redis.fails = AWAY
    for n in range(50):
        queue.do(str(n), put(n))
    assert len(queue) == 50


@pytest.mark.parametrize(
    "error",
    [
        AWAY,
        ConnectionLostError("closed before sending", applied="no"),
        DeadlineExceededError("before anything was sent", applied="no"),
        CircuitOpenError("open"),
    ],
)
def test_what_certainly_did_nothing_waits(made, error):
    make, redis, _ = made
    queue = make()
    redis.fails = error
    assert queue.do("a", put("a")).waits
    assert len(queue) == 1


def test_a_server_that_loads_its_data_is_away_too(made):
    make, redis, _ = made
    queue = make()
    redis.fails = ServerRefusedError("LOADING")
    redis.fails.word = "LOADING"
    assert queue.do("a", put("a")).waits


@pytest.mark.parametrize(
    "error",
    [
        ConnectionLostError("the reply was lost"),
        DeadlineExceededError("no reply"),
        OutOfMemoryError("OOM"),
        WrongTypeError("a list"),
        NotConfirmedError("1 of 2"),
        PoolExhaustedError("busy", applied="no"),
    ],
)
def test_what_may_have_been_applied_or_was_refused_is_the_callers_and_never_sent_again(made, error):
    make, redis, told = made
    queue = make()
    redis.fails = error
    with pytest.raises(type(error)):
        queue.do("a", put("a"))
    redis.fails = None
    assert (queue.flush(), redis.applied, told) == (0, [], [])


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (ConnectionLostError("the reply was lost"), "unknown"),
        (WrongTypeError("a list"), "refused"),
        (NotConfirmedError("1 of 2"), "sent"),
    ],
)
def test_what_waited_is_settled_by_its_error_and_the_next_goes_on(made, error, fate):
    make, redis, told = made
    queue = make()
    redis.fails = AWAY
    queue.do("a", put("a"))
    queue.do("b", put("b"))

    def fails_once(value):
        redis.fails = error if value == "a" else None

    redis.on_attempt = fails_once
    assert queue.flush() == 0
    assert fates(told) == [("a", fate), ("b", "sent")]
    assert told[0].error is error


def test_the_error_of_an_operation_that_was_sent_behind_others_is_its_callers(made, clock):
    make, redis, told = made
    queue = make()
    redis.fails = AWAY
    queue.do("a", put("a"))
    clock.now_s = 1.0

    def refuses_b(value):
        redis.fails = WrongTypeError("a list") if value == "b" else None

    redis.on_attempt = refuses_b
    with pytest.raises(WrongTypeError):
        queue.do("b", put("b"))
    assert (fates(told), len(queue)) == ([("a", "sent")], 0)


def test_redis_that_goes_away_again_leaves_the_rest_in_its_order(made):
    make, redis, told = made
    queue = make()
    redis.fails = AWAY
    for name in "abc":
        queue.do(name, put(name))

    def away_from_b(value):
        redis.fails = None if value == "a" else AWAY

    redis.on_attempt = away_from_b
    assert queue.flush() == 2
    redis.on_attempt = redis.fails = None
    assert queue.flush() == 0
    assert redis.applied == ["a", "b", "c"]
    assert fates(told) == [("a", "sent"), ("b", "sent"), ("c", "sent")]


def test_redis_is_tried_again_after_pauses_that_double(made, clock):
    """Asked every 10 ms for 10 s: pauses of at least half of 0.05, 0.1, 0.2, 0.4, then 0.8 s."""
    make, redis, _ = made
    queue = make(first_pause_s=0.05, longest_pause_s=0.8, valid_for_s=100, most=2000)
    redis.fails = AWAY
    tried = []
    redis.on_attempt = lambda _: tried.append(clock.now_s)
    for n in range(1000):
        clock.now_s = n / 100
        queue.do("a", put("a"))
    pauses = [later - earlier for earlier, later in itertools.pairwise(tried)]
    for n, pause in enumerate(pauses):
        assert min(0.8, 0.05 * 2**n) / 2 <= pause + 1e-9
        assert pause <= min(0.8, 0.05 * 2**n) + 0.011
    assert len(tried) < 30


def test_an_attempt_ends_with_the_time_of_its_operation(made, clock):
    make, redis, _ = made
    queue = make(within_s=0.5)
    redis.fails = AWAY
    queue.do("a", put("a"), valid_for_s=1.0)
    clock.now_s = 0.9
    queue.flush()
    assert redis.limits_s[0] == 0.5
    assert redis.limits_s[1] == pytest.approx(0.1)


def test_a_call_has_one_deadline_for_itself_and_all_that_it_sends(made):
    make, redis, _ = made
    queue = make()
    left_s = []
    redis.on_attempt = lambda _: left_s.append((expires_ns(1e6) - time.monotonic_ns()) / NS_PER_S)
    queue.do("a", put("a"))
    queue.do("a", put("a"), within_s=0.3)
    redis.fails = AWAY
    queue.do("a", put("a"))
    queue.flush(within_s=0.1)
    assert [round(one, 1) for one in left_s] == [2.0, 0.3, 2.0, 0.1]
    with pytest.raises(MisuseError, match="deadline"):
        queue.do("a", put("a"), within_s=0)


def test_a_read_gives_what_the_caller_gave_for_it_and_says_so(made, clock):
    make, redis, told = made
    queue = make()
    assert queue.ask(put("x"), otherwise="y").value == "x"
    redis.fails = ConnectionLostError("the reply was lost")
    answer = queue.ask(put("x"), otherwise="y")
    assert (answer.value, answer.degraded) == ("y", True)
    attempts = redis.attempts
    assert queue.ask(put("x"), otherwise="y").degraded
    assert redis.attempts == attempts
    redis.fails = None
    clock.now_s = 1.0
    assert not queue.ask(put("x"), otherwise="y").degraded
    redis.fails = WrongTypeError("a list")
    with pytest.raises(WrongTypeError):
        queue.ask(put("x"), otherwise="y")
    assert told == []


def test_at_the_end_what_waits_is_tried_once_and_then_dropped(made):
    make, redis, told = made
    queue = make()
    redis.fails = AWAY
    queue.do("a", put("a"))
    queue.close()
    assert (len(queue), fates(told), redis.attempts) == (0, [("a", "dropped")], 2)


def test_what_could_never_be_right_is_refused_at_once_and_does_not_wait(made):
    make, redis, told = made
    queue = make()
    redis.fails = AWAY
    queue.do("a", put("a"))
    with pytest.raises(MisuseError, match="nothing to put"):
        queue.do("b", put(None))
    with pytest.raises(MisuseError, match="valid_for_s"):
        queue.do("c", put("c"), valid_for_s=math.nan)
    assert (len(queue), told) == (1, [])


@pytest.mark.parametrize(
    "wrong",
    [
        {"most": 0},
        {"most": 1.5},
        {"valid_for_s": 0},
        {"valid_for_s": math.inf},
        {"within_s": -1},
        {"when_full": "newest"},
        {"first_pause_s": 1, "longest_pause_s": 0.5},
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(wrong):
    with pytest.raises(MisuseError):
        OfflinePolicy(**wrong)


def test_an_unknown_hardening_is_refused():
    with pytest.raises(MisuseError, match="no such hardening"):
        OfflineQueue(Redis(), _without=frozenset({"journal"}))


def test_threads_settle_everything_once_and_nothing_is_left_behind():
    """Eight threads while Redis comes and goes: all that was accepted is applied once, or told."""
    redis, told, direct = Redis(), [], []
    redis.fails = AWAY
    coming_and_going = iter(range(10**9))

    def now_and_then(_):
        redis.fails = AWAY if next(coming_and_going) % 7 < 3 else None

    redis.on_attempt = now_and_then
    policy = OfflinePolicy(first_pause_s=1e-6, longest_pause_s=1e-6, valid_for_s=60)
    queue = OfflineQueue(redis, policy, on_settled=told.append)

    def work(thread):
        for n in range(100):
            name = f"{thread}-{n}"
            if not queue.do(name, put(name)).waits:
                direct.append(name)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    redis.on_attempt = redis.fails = None
    assert queue.flush() == 0
    assert len(redis.applied) == len(set(redis.applied)) == 800
    assert sorted(direct + [one.what for one in told]) == sorted(redis.applied)
    assert {one.fate for one in told} == {"sent"}


def test_a_cancelled_call_settles_as_unknown_what_it_was_sending():
    class Hangs:
        def __init__(self):
            self.hangs = asyncio.Event()
            self.away = True

        async def run(self, plan, **_):
            next(plan)
            if self.away:
                plan.close()
                raise AWAY
            self.hangs.set()
            await asyncio.Future()

    async def session():
        redis, told = Hangs(), []
        queue = AsyncOfflineQueue(redis, OfflinePolicy(valid_for_s=60), on_settled=told.append)
        await queue.do("a", put("a"))
        await queue.do("b", put("b"))
        redis.away = False
        flushing = asyncio.ensure_future(queue.flush())
        await redis.hangs.wait()
        flushing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await flushing
        assert fates(told) == [("a", "unknown")]
        assert len(queue) == 1

    asyncio.run(session())
