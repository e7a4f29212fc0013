"""Seats: the last used first, none twice, none lost."""

from __future__ import annotations

import threading
import time

import pytest

from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.blocking import BlockingBackend
from pytest_arbredis.state.connections.pool import Pool
from pytest_arbredis.state.connections.tls import Contexts
from pytest_arbredis.state.errors import MisuseError, PoolExhaustedError


class Wire:
    def __init__(self):
        self.ended = False

    def end(self):
        self.ended = True


def pool_of(places):
    return Pool(places, BlockingBackend(Contexts(None)).waiting_room())


def within(seconds):
    return time.monotonic_ns() + int(seconds * 1e9)


def test_the_last_used_is_taken_first():
    pool = pool_of(3)
    first, second = pool.take(), pool.take()
    first.wire, second.wire = Wire(), Wire()
    pool.give(first)
    pool.give(second)
    assert pool.take() is second
    assert pool.take() is first
    assert pool.take().wire is None


def test_a_connection_in_a_state_of_its_own_is_ended():
    pool = pool_of(1)
    seat = pool.take()
    wire = seat.wire = Wire()
    seat.mark(("SELECT", 3))
    pool.give(seat)
    assert wire.ended
    assert pool.take().wire is None


def test_a_watch_that_ended_with_its_transaction_leaves_the_connection():
    seat = pool_of(1).take()
    seat.mark((b"watch", "k"))
    assert seat.watching
    seat.mark(("UNWATCH",))
    assert not seat.watching


def test_who_waits_in_vain_is_told_so_in_time():
    pool = pool_of(1)
    pool.take()
    began = time.monotonic()
    with pytest.raises(PoolExhaustedError):
        finish(pool.wait(within(0.05)))
    assert 0.045 <= time.monotonic() - began < 0.5


def test_who_waits_gets_what_comes_free():
    pool = pool_of(1)
    seat = pool.take()
    got = []
    waiting = threading.Thread(target=lambda: got.append(finish(pool.wait(within(5)))))
    waiting.start()
    while not pool._room.anybody:
        pass
    pool.give(seat)
    waiting.join(5)
    assert got == [seat]


def test_a_closed_pool_gives_nothing_and_keeps_nothing():
    pool = pool_of(2)
    idle, used = pool.take(), pool.take()
    idle.wire, used.wire = wires = Wire(), Wire()
    pool.give(idle)
    pool.close()
    pool.give(used)
    assert [wire.ended for wire in wires] == [True, True]
    with pytest.raises(MisuseError):
        pool.take()


def test_many_threads_never_hold_the_same_seat():
    pool = pool_of(3)
    held, twice = set(), []
    lock = threading.Lock()

    def work():
        for _ in range(300):
            seat = finish(pool.wait(within(10)))
            with lock:
                twice.extend([seat] if seat in held else [])
                held.add(seat)
            with lock:
                held.discard(seat)
            pool.give(seat)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert twice == []
    assert pool.free == 3
