"""A connection that is not as its pool believes is given to nobody: an outstanding reply, a watch, a database."""

from __future__ import annotations

import asyncio
import contextlib
import os

import pytest
import redis
from test_calls_on_a_fake import made, one, run

from pytest_arbredis.state.asks import Batch, Call, Command, Transaction
from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.deadline import deadline
from pytest_arbredis.state.errors import ConnectionLostError, MisuseError, RejectedError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.scripts import Script

NOBODY = ("127.0.0.1", 1)


def test_a_call_cancelled_while_it_asks_whether_a_connection_lives_ends_it():
    """The reply to that PING would be read as the next caller's."""

    async def cancelled(backend, calls):
        backend.suspends = True
        task = asyncio.ensure_future(calls.run(one("GET", "k"), Kind.FAST, None))
        await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    backend, calls = made([b"OK"], idle_check_s=1e-9)
    run(calls, one("SET", "k", 1))
    asyncio.run(cancelled(backend, calls))
    assert backend.wires[0].ended
    assert calls.pool.free == 1


@pytest.mark.parametrize("ask", [Batch, Transaction])
def test_a_database_chosen_among_several_commands_is_nobody_elses(ask):
    def plan():
        yield ask(("SELECT", 3), ("SET", "k", 1))

    backend, calls = made([b"OK", b"OK"] if ask is Batch else [b"OK", b"QUEUED", b"QUEUED", [b"OK", b"OK"]])
    run(calls, plan())
    assert backend.wires[0].ended


def on_one_seat(calls, *plans):
    """The results of plans that come one after another on a borrowed connection, as in `redis_context()`."""
    seat = finish(calls.borrow())
    try:
        return [finish(calls.run(plan, Kind.FAST, None, seat)) for plan in plans]
    finally:
        calls.pool.give(seat)


def test_a_command_is_not_repeated_in_another_database_than_was_chosen():
    """A new connection is in the database of the settings."""
    backend, calls = made([b"OK"], ConnectionLostError("gone"), [b"of database 0"])
    with pytest.raises(ConnectionLostError):
        on_one_seat(calls, one("SELECT", 3), one("GET", "k"))
    assert len(backend.wires) == 1


def test_a_chosen_database_that_was_lost_with_its_connection_is_said_to_be():
    backend, calls = made()

    def loses():
        backend.wires[0].dirty = True
        yield Command("SET", "k", 1)

    with pytest.raises(ConnectionLostError) as raised:
        on_one_seat(calls, one("SELECT", 3), loses())
    assert raised.value.applied == "no"
    assert len(backend.heard) == 1


def test_an_empty_transaction_ends_what_was_watched():
    def plan():
        yield Command("WATCH", "k")
        return (yield Transaction())

    backend, calls = made([b"OK"], [b"OK", []])
    assert run(calls, plan()) == []
    assert [commands[0][0] for commands in backend.heard] == ["WATCH", "MULTI"]


@pytest.mark.parametrize("name", ["EVAL", "evalsha", b"EVAL", "FCALL"])
def test_a_script_that_failed_in_a_batch_may_have_written_before(name):
    def plan():
        return (yield Batch((name, "x", 0), ("SET", "k", "v")))

    _, calls = made(["-ERR in the middle", "-ERR no"])
    scripted, plain = run(calls, plan())
    assert (scripted.applied, plain.applied) == ("unknown", "no")


@pytest.mark.parametrize("ask", [Command(b"EVAL", "x", 0), Transaction(("EVAL", "x", 0))])
def test_a_script_that_failed_may_have_written_before_however_it_was_sent(ask):
    def plan():
        yield ask

    error = "-ERR in the middle"
    _, calls = made([error] if type(ask) is Command else [b"OK", b"QUEUED", [redis.ResponseError(error[1:])]])
    with pytest.raises(RejectedError) as raised:
        run(calls, plan())
    assert raised.value.applied == "unknown"


def test_a_script_that_somebody_else_loaded_has_run_though_loading_it_was_refused():
    def plan():
        return (yield Call(Script("s", "return 1")))

    _, calls = made(["-NOSCRIPT none"], ["-NOPERM no SCRIPT LOAD", 1])
    assert run(calls, plan()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_does_not_wait_for_a_turn_that_its_parent_had():
    """A thread of the parent that asks the Sentinels is not there to finish in the child."""
    state = StateRedis(Settings(sentinels=(NOBODY,), breaker=None))
    primary, pool = state.calls._primary, state.calls.pool
    room = pool._room
    assert primary._turn._lock.acquire()
    child = os.fork()
    if child == 0:
        free = primary._turn._lock.acquire(blocking=False) and pool._room is not room
        os._exit(0 if free else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert primary._turn._lock.locked(), "the parent's goes on"
    state.close()


@pytest.mark.parametrize("within_s", [0, -1, float("nan"), float("inf")])
def test_a_time_that_cannot_be_is_refused_before_anything_is_sent(within_s):
    backend, calls = made()
    with pytest.raises(MisuseError, match="within_s"):
        run(calls, one("GET", "k"), within_s=within_s)
    with pytest.raises(MisuseError, match="deadline"), deadline(within_s):
        pass
    assert backend.heard == []
