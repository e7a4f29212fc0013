"""An invalidation that Redis did not confirm is owed until it did, whatever becomes of those who repeat it."""

from __future__ import annotations

import asyncio
import random
import threading

import pytest

from pytest_arbredis.state.cache import plans, reading
from pytest_arbredis.state.cache.desk import Desk
from pytest_arbredis.state.cache.flights import Flights
from pytest_arbredis.state.cache.policy import CachePolicy
from pytest_arbredis.state.clock import SYSTEM_CLOCK
from pytest_arbredis.state.errors import ConnectionLostError

KEY, OTHER = "account:a1", "account:a2"
AWAY = ConnectionLostError("gone")


@pytest.fixture
def desk():
    return Desk(
        policy=CachePolicy(ttl_s=60),
        flights=Flights(threading.Event),
        chance=random.Random(1),
        clock=SYSTEM_CLOCK,
        without=frozenset(),
    )


def test_a_write_that_is_cancelled_while_it_invalidates_owes_that(desk):
    """The database has the new value."""
    writing = reading.invalidate(desk, KEY)
    next(writing)
    with pytest.raises(asyncio.CancelledError):
        writing.throw(asyncio.CancelledError())
    assert desk.owes(KEY)


def test_a_reader_that_is_cancelled_while_it_repeats_an_invalidation_does_not_forget_it(desk):
    desk.owe((KEY,))
    steps = reading.read(desk, OTHER)
    next(steps)
    with pytest.raises(asyncio.CancelledError):
        steps.throw(asyncio.CancelledError())
    assert desk.owes(KEY)
    assert desk.take_debts() == {KEY}


def test_while_one_repeats_an_invalidation_nobody_else_asks_redis_for_that_key(desk):
    desk.owe((KEY,))
    first, second = reading.read(desk, OTHER), reading.read(desk, KEY)
    repeats = next(first)
    assert isinstance(repeats, reading.AskRedis)
    assert isinstance(next(second), reading.Load)
    first.send(None)
    assert not desk.owes(KEY)


def test_an_invalidation_that_failed_while_an_earlier_one_was_repeated_stays_owed(desk):
    desk.owe((KEY,))
    repeating = reading.settle_debts(desk)
    next(repeating)
    writing = reading.invalidate(desk, KEY)
    next(writing)
    with pytest.raises(StopIteration):
        writing.throw(AWAY)
    with pytest.raises(StopIteration):
        repeating.send(None)
    assert desk.owes(KEY)


def test_a_value_that_cannot_be_kept_gives_its_lease_back(desk):
    """Others would wait for it for as long as it lives."""
    steps = reading.read(desk, KEY)
    next(steps)
    steps.send(plans.Found(None, leads=True))
    gives_back = steps.send(float("nan"))
    assert isinstance(gives_back, reading.AskRedis)
    assert next(gives_back.plan).script is plans.GIVE_UP
    gives_back.plan.close()
    steps.close()
