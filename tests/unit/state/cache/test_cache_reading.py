"""How a value is got, step by step, by hand: no server, no thread, no database."""

from __future__ import annotations

import random
import threading

import pytest

from pytest_arbredis.state.cache import plans, reading
from pytest_arbredis.state.cache.desk import Desk, ttl_of
from pytest_arbredis.state.cache.flights import Flights
from pytest_arbredis.state.cache.policy import CachePolicy
from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.errors import CircuitOpenError, ConnectionLostError, KeyRefusedError, MisuseError

KEY = "account:a1"
AWAY = ConnectionLostError("gone")


class Still:
    """A clock that is moved by hand."""

    now_ns = 0

    def monotonic_ns(self):
        return self.now_ns

    def wall_ns(self):
        raise AssertionError


@pytest.fixture
def desk():
    return Desk(
        policy=CachePolicy(ttl_s=60, jitter=0.5),
        flights=Flights(threading.Event),
        chance=random.Random(1),
        clock=Still(),
        without=frozenset(),
    )


def ended(steps, answer):
    with pytest.raises(StopIteration) as done:
        steps.send(answer)
    return done.value.value


def test_a_hit_asks_nobody_else(desk):
    steps = reading.read(desk, KEY)
    assert isinstance(next(steps), reading.AskRedis)
    assert ended(steps, plans.Found(b'{"x":1}', leads=False)) == {"x": 1}


def test_who_has_the_lease_loads_and_keeps(desk):
    steps = reading.read(desk, KEY)
    next(steps)
    assert isinstance(steps.send(plans.Found(None, leads=True)), reading.Load)
    assert desk.flights.present(KEY) is not None
    assert isinstance(steps.send("value"), reading.AskRedis)
    assert ended(steps, True) == "value"
    assert desk.flights.present(KEY) is None


def test_who_waited_takes_what_was_kept_and_nothing_else(desk):
    """The first load's lease was gone when it was to be kept: those who waited look again."""
    for kept in (False, True):
        leader, follower = reading.read(desk, KEY), reading.read(desk, KEY)
        next(leader)
        leader.send(plans.Found(None, leads=True))
        next(follower)
        follow = follower.send(plans.Found(None, leads=False))
        assert isinstance(follow, reading.Follow)
        leader.send("value")
        assert ended(leader, kept) == "value"
        assert follow.flight.landed.is_set()
        if kept:
            assert ended(follower, True) == "value"
        else:
            assert isinstance(follower.send(True), reading.AskRedis)


def test_a_load_that_began_while_redis_was_away_is_not_followed_once_it_is_back(desk):
    alone, later = reading.read(desk, KEY), reading.read(desk, KEY)
    next(alone)
    assert isinstance(alone.throw(CircuitOpenError("open")), reading.Load)
    next(later)
    assert isinstance(later.send(plans.Found(None, leads=False)), reading.Pause)


def test_while_redis_is_away_one_loads_and_the_others_share_it(desk):
    first, second = reading.read(desk, KEY), reading.read(desk, KEY)
    next(first)
    assert isinstance(first.throw(AWAY), reading.Load)
    next(second)
    assert isinstance(second.throw(CircuitOpenError("open")), reading.Follow)
    assert ended(first, 5) == 5
    assert ended(second, True) == 5
    assert desk.misses == 2


def test_after_a_write_nobody_joins_the_load_before_it(desk):
    first, second = reading.read(desk, KEY), reading.read(desk, KEY)
    next(first)
    first.throw(AWAY)
    writing = reading.invalidate(desk, KEY)
    next(writing)
    with pytest.raises(StopIteration) as done:
        writing.throw(AWAY)
    assert done.value.value is False
    assert desk.owes(KEY)
    settling = next(second)
    assert isinstance(settling, reading.AskRedis)
    assert isinstance(second.throw(AWAY), reading.Load), "an owed key is read from the database, at once"


def test_a_wait_ends_with_a_load_of_ones_own(desk):
    steps = reading.read(desk, KEY)
    next(steps)
    assert isinstance(steps.send(plans.Found(None, leads=False)), reading.Pause)
    steps.send(None)
    desk.clock.now_ns = 4 * NS_PER_S
    assert isinstance(steps.send(plans.Found(None, leads=False)), reading.Pause)
    assert isinstance(steps.send(None), reading.Load)
    assert ended(steps, "value") == "value"


def test_pauses_grow_and_have_an_end(desk):
    steps = reading.read(desk, KEY)
    next(steps)
    seen = []
    for _ in range(8):
        seen.append(steps.send(plans.Found(None, leads=False)).seconds)
        steps.send(None)
    assert seen == sorted(seen)
    assert seen[-1] == reading.LONGEST_PAUSE_S


def test_what_the_database_raises_gives_the_lease_back_and_is_raised(desk):
    steps = reading.read(desk, KEY)
    next(steps)
    steps.send(plans.Found(None, leads=True))
    assert isinstance(steps.throw(LookupError("no row")), reading.AskRedis)
    with pytest.raises(LookupError):
        steps.send(1)
    assert desk.flights.present(KEY) is None


def test_what_cannot_be_json_is_the_callers_mistake(desk):
    steps = reading.read(desk, KEY)
    next(steps)
    steps.send(plans.Found(None, leads=True))
    assert isinstance(steps.send(float("nan")), reading.AskRedis), "the lease is given back first"
    with pytest.raises(MisuseError, match="the database gave"):
        steps.send(1)


def test_jitter_takes_away_and_never_adds(desk):
    drawn = {desk.ttl_ms(KEY) for _ in range(100)}
    assert max(drawn) <= 60_000
    assert min(drawn) >= 30_000
    assert len(drawn) > 50


def test_the_time_to_live_is_the_patterns_unless_it_is_given():
    assert ttl_of("price:BTC", CachePolicy()) == 1
    assert ttl_of("price:BTC", CachePolicy(ttl_s=5)) == 5
    with pytest.raises(MisuseError, match="has no TTL"):
        ttl_of("user:u1:settings", CachePolicy())
    with pytest.raises(KeyRefusedError):
        ttl_of("user:u1:api:keys", CachePolicy())
