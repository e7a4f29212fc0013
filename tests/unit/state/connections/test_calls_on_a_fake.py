"""Calls without a server: a backend in memory, on which anything can go wrong at any step, and time is not needed."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis

from pytest_arbredis.state.asks import Batch, Call, Command, Confirm, Transaction
from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.calls import Calls
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.connections.suspending import AsyncioBackend
from pytest_arbredis.state.connections.tls import Contexts
from pytest_arbredis.state.errors import (
    CircuitOpenError,
    ConnectionLostError,
    DeadlineExceededError,
    NotConfirmedError,
    OutOfMemoryError,
    ReadOnlyError,
    RejectedError,
    ServerRefusedError,
    UnreachableError,
)
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.scripts import Script


class FakeWire:
    def __init__(self, backend):
        self.backend = backend
        self.address = ("fake", 1)
        self.ended = False
        self.dirty = False

    def clean(self):
        return not self.dirty

    async def round(self, commands, count, expires_ns):  # noqa: ARG002 - a fake has no time
        await self.backend.step()
        commands = list(commands)
        assert len(commands) == count
        assert not self.ended, "a connection was used after its end"
        said = self.backend.replies.pop(0) if self.backend.replies else [b"OK"] * count
        self.backend.heard.append(commands)
        if isinstance(said, BaseException):
            raise said
        return [redis.ResponseError(one[1:]) if isinstance(one, str) and one[:1] == "-" else one for one in said]

    async def next(self, expires_ns):
        raise NotImplementedError

    def end(self):
        self.ended = True


class FakeBackend(AsyncioBackend):
    """Waiting as in asyncio; connections are `FakeWire`s."""

    def __init__(self, *replies, dials=(), suspends=False):
        super().__init__(Contexts(None))
        self.replies = list(replies)
        self.dials = list(dials)
        self.heard = []
        self.wires = []
        self.suspends = suspends

    async def step(self):
        if self.suspends:
            await asyncio.sleep(0)

    async def dial(self, address, *, tls, expires_ns):  # noqa: ARG002 - as above
        await self.step()
        if self.dials and (error := self.dials.pop(0)):
            raise error
        self.wires.append(FakeWire(self))
        return self.wires[-1]

    async def pause(self, seconds):
        assert seconds < 1
        await self.step()


def made(*replies, dials=(), suspends=False, policy=None, **settings):
    backend = FakeBackend(*replies, dials=dials, suspends=suspends)
    settings = Settings(keeps_state=False, max_connections=1, **settings)
    return backend, Calls(settings, backend, Breaker(policy or BreakerPolicy(failures=2)))


def one(*args):
    return (yield Command(*args))


def run(calls, plan, within_s=None):
    try:
        return finish(calls.run(plan, Kind.FAST, within_s))
    finally:
        assert calls.pool.free == 1


@pytest.mark.parametrize("word", ["READONLY", "LOADING", "MASTERDOWN"])
def test_a_refusal_that_may_pass_is_tried_once_more_on_another_connection(word):
    backend, calls = made([f"-{word} no"], [b"OK"])
    assert run(calls, one("SET", "k", 1)) == b"OK"
    assert len(backend.wires) == 2
    assert backend.wires[0].ended


def test_it_is_tried_once_more_only_once():
    backend, calls = made(["-READONLY no"], ["-READONLY no"], ["-READONLY no"])
    with pytest.raises(ReadOnlyError) as raised:
        run(calls, one("SET", "k", 1))
    assert raised.value.applied == "no"
    assert len(backend.heard) == 2


def test_a_refused_connection_is_tried_once_more():
    _, calls = made(dials=[UnreachableError("refused")])
    assert run(calls, one("SET", "k", 1)) == b"OK"
    _, calls = made(dials=[UnreachableError("refused")] * 2)
    with pytest.raises(UnreachableError):
        run(calls, one("SET", "k", 1))


@pytest.mark.parametrize("error", [ConnectionLostError("gone"), DeadlineExceededError("late")])
def test_a_write_without_a_reply_is_not_sent_again(error):
    backend, calls = made(error)
    with pytest.raises(type(error)) as raised:
        run(calls, one("INCR", "k"))
    assert raised.value.applied == "unknown"
    assert len(backend.heard) == 1
    assert backend.wires[0].ended


def test_without_that_hardening_it_is_sent_again():
    backend, calls = made(ConnectionLostError("gone"), _without=frozenset({"no-blind-repeats"}))
    run(calls, one("INCR", "k"))
    assert len(backend.heard) == 2


def test_later_steps_of_a_plan_are_never_repeated():
    def plan():
        yield Command("SET", "k", 1)
        yield Command("SET", "k", 2)

    backend, calls = made([b"OK"], ["-READONLY no"])
    with pytest.raises(ReadOnlyError) as raised:
        run(calls, plan())
    assert len(backend.heard) == 2
    assert raised.value.applied == "unknown", "the first step took effect"


def test_a_refusal_after_reads_only_is_certain():
    def plan():
        yield Command("GET", "k")
        yield Command("SET", "k", 2)

    _, calls = made([None], ["-OOM no"])
    with pytest.raises(ServerRefusedError) as raised:
        run(calls, plan())
    assert raised.value.applied == "no"


def test_a_step_that_was_refused_leaves_the_next_refusal_certain():
    def plan():
        try:
            yield Command("SET", "k", 1)
        except OutOfMemoryError:
            yield Command("SET", "other", 1)

    _, calls = made(["-OOM no"], ["-OOM no"])
    with pytest.raises(OutOfMemoryError) as raised:
        run(calls, plan())
    assert raised.value.applied == "no", "neither step took effect"


@pytest.mark.parametrize(
    ("reply", "moves"),
    [
        ("-WRONGTYPE no", 0),
        ("-NOAUTH no", 0),
        ("-ERR syntax error", 0),
        ("-OOM no", 0),
        ("-NOREPLICAS no", 0),
        ("-MISCONF no", 0),
        ("-BUSY no", 1),
    ],
)
def test_only_a_redis_that_cannot_serve_opens_the_breaker(reply, moves):
    """One that takes no writes serves reads, which an open breaker would take away."""
    _, calls = made(*([reply] for _ in range(4)))
    for _ in range(2):
        with pytest.raises((RejectedError, ServerRefusedError)):
            run(calls, one("SET", "k", 1))
    assert calls.breaker.snapshot().transitions == moves


def test_refused_writes_of_a_batch_do_not_open_it():
    def plan():
        return (yield Batch(("SET", "a", 1), ("SET", "b", 1)))

    _, calls = made(["-OOM no", "-OOM no"], policy=BreakerPolicy(failures=1))
    assert [type(error) for error in run(calls, plan())] == [OutOfMemoryError] * 2
    assert calls.breaker.state == "closed"


def test_without_that_hardening_a_refused_write_opens_it():
    _, calls = made(["-OOM no"], policy=BreakerPolicy(failures=1), _without=frozenset({"only-unwell-counts"}))
    with pytest.raises(OutOfMemoryError):
        run(calls, one("SET", "k", 1))
    assert calls.breaker.state == "open"


def test_every_attempt_counts_and_an_open_breaker_ends_the_repeats():
    backend, calls = made(dials=[UnreachableError("refused")] * 9, policy=BreakerPolicy(failures=1))
    with pytest.raises(UnreachableError):
        run(calls, one("SET", "k", 1))
    assert len(backend.dials) == 8
    with pytest.raises(CircuitOpenError):
        run(calls, one("SET", "k", 1))
    assert len(backend.dials) == 8


def test_a_plan_that_mends_an_error_does_not_hide_it_from_the_breaker():
    def plan():
        try:
            yield Command("GET", "k")
        except DeadlineExceededError:
            return "fallback"

    _, calls = made(DeadlineExceededError("late"), DeadlineExceededError("late"))
    assert [run(calls, plan()), run(calls, plan())] == ["fallback"] * 2
    assert calls.breaker.state == "open"


def test_an_error_of_the_plan_itself_is_a_success_of_redis():
    def plan():
        yield Command("GET", "k")
        message = "mine"
        raise KeyError(message)

    _, calls = made(policy=BreakerPolicy(failures=1))
    with pytest.raises(KeyError):
        run(calls, plan())
    assert calls.breaker.state == "closed"


def test_a_plan_that_asks_nothing_needs_no_connection():
    backend, calls = made(dials=[UnreachableError("refused")])

    def plan():
        return 7
        yield

    assert run(calls, plan()) == 7
    assert backend.wires == []


def test_a_connection_that_is_not_clean_is_replaced_before_anything_is_sent():
    backend, calls = made()
    run(calls, one("SET", "k", 1))
    backend.wires[0].dirty = True
    assert run(calls, one("SET", "k", 2)) == b"OK"
    assert (backend.wires[0].ended, len(backend.wires)) == (True, 2)


def test_a_connection_that_was_idle_for_long_is_asked_first():
    backend, calls = made([b"OK"], [b"PONG"], [b"OK"], idle_check_s=1e-9)
    run(calls, one("SET", "k", 1))
    run(calls, one("SET", "k", 2))
    assert [commands[0][0] for commands in backend.heard] == ["SET", "PING", "SET"]
    assert len(backend.wires) == 1


def test_a_refused_multi_leaves_it_open_what_ran():
    _, calls = made(["-NOPERM no", b"OK", "-ERR EXEC without MULTI"])

    def plan():
        yield Transaction(("SET", "k", 1))

    with pytest.raises(RejectedError) as raised:
        run(calls, plan())
    assert raised.value.applied == "unknown"


def test_a_demoted_primary_confirms_nothing():
    def plan():
        yield Command("SET", "k", 1)
        yield Confirm(2, 100)

    _, calls = made([b"OK"], ["-UNBLOCKED force unblock"])
    with pytest.raises(NotConfirmedError) as raised:
        run(calls, plan())
    assert (raised.value.confirmed, raised.value.wanted) == (0, 2)


def test_a_wait_never_lasts_for_ever_nor_longer_than_the_call():
    def plan():
        yield Confirm(1, 60_000)

    backend, calls = made([1])
    run(calls, plan(), within_s=0.1)
    assert 1 <= backend.heard[0][0][2] <= 100


@pytest.mark.parametrize("reply", ["-READONLY script", "-OOM script"])
def test_a_script_that_was_refused_before_its_first_write_did_nothing(reply):
    def plan():
        yield Call(Script("s", "return 1"))

    _, calls = made([reply], [reply])
    with pytest.raises(ServerRefusedError) as raised:
        run(calls, plan())
    assert raised.value.applied == "no"


def test_a_readonly_among_a_batch_drops_the_connection():
    def plan():
        return (yield Batch(("SET", "a", 1), ("SET", "b", 1)))

    backend, calls = made([b"OK", "-READONLY no"])
    assert isinstance(run(calls, plan())[1], ReadOnlyError)
    assert backend.wires[0].ended


def test_a_watching_connection_is_not_given_to_anybody_else():
    def watching():
        yield Command("WATCH", "k")

    def optimistic():
        yield Command("WATCH", "k")
        yield Transaction(("SET", "k", 1))

    backend, calls = made()
    run(calls, watching())
    assert backend.wires[0].ended
    backend, calls = made([b"OK"], [b"OK", b"QUEUED", [b"OK"]])
    run(calls, optimistic())
    assert not backend.wires[0].ended


def test_a_deadline_that_has_passed_sends_nothing_and_says_nothing_of_redis():
    backend, calls = made(policy=BreakerPolicy(failures=1))

    def slow():
        yield Command("GET", "k")
        while time.monotonic_ns() < until:
            pass
        yield Command("GET", "k")

    until = time.monotonic_ns() + 2_000_000
    with pytest.raises(DeadlineExceededError) as raised:
        run(calls, one("SET", "k", 1), within_s=1e-9)
    assert raised.value.applied == "no"
    assert backend.heard == []
    assert calls.breaker.state == "closed"


def test_a_call_that_is_cancelled_at_any_step_leaks_neither_place_nor_permit():
    """With one place and one probe: what leaked would keep everybody out for ever."""

    def plan():
        yield Command("SET", "k", 1)
        yield Command("GET", "k")

    async def cancel_at(step, breaker_state):
        backend = FakeBackend(["-READONLY no"], suspends=True)
        settings = Settings(keeps_state=False, max_connections=1)
        breaker = Breaker(BreakerPolicy(failures=1, open_s=1e-6, probes=1))
        calls = Calls(settings, backend, breaker)
        if breaker_state == "half-open":
            breaker.force_open()
        waiting = asyncio.ensure_future(calls.run(plan(), Kind.FAST, None))
        second = asyncio.ensure_future(calls.run(plan(), Kind.FAST, None))
        for _ in range(step):
            await asyncio.sleep(0)
        ended = waiting.done()
        waiting.cancel()
        second.cancel()
        await asyncio.gather(waiting, second, return_exceptions=True)
        assert calls.pool.free == 1
        assert breaker.snapshot().probes_under_way == 0
        for wire in backend.wires[:-1]:
            assert wire.ended
        for _ in range(3):
            try:
                await calls.run(plan(), Kind.FAST, None)
                break
            except (CircuitOpenError, ReadOnlyError):
                await asyncio.sleep(0.001)
        else:
            pytest.fail("nobody gets in any more")
        return ended

    for state in ("closed", "half-open"):
        step = 0
        while not asyncio.run(cancel_at(step, state)):
            step += 1
        assert step > 5


def test_a_later_step_that_blocks_has_its_time_on_top_too():
    seen = []

    class Timed(FakeBackend):
        async def step(self):
            return None

        async def dial(self, address, *, tls, expires_ns):
            wire = await super().dial(address, tls=tls, expires_ns=expires_ns)
            asked = wire.round

            async def round_(commands, count, expires_ns):
                seen.append((expires_ns - time.monotonic_ns()) / 1e9)
                return await asked(commands, count, expires_ns)

            wire.round = round_
            return wire

    def plan():
        yield Command("GET", "k")
        yield Command("BLPOP", "k", 30, blocks_s=30)

    calls = Calls(Settings(keeps_state=False), Timed(), None)
    finish(calls.run(plan(), Kind.FAST, None))
    assert [round(one) for one in seen] == [2, 32]
    seen.clear()
    finish(calls.run(plan(), Kind.FAST, 1.0))
    assert [round(one) for one in seen] == [1, 1]


def test_who_waits_for_less_than_the_server_may_hold_a_reply_cannot_blame_the_server():
    def plan():
        yield Command("BLPOP", "k", 5, blocks_s=5)

    _, calls = made(DeadlineExceededError("late"), policy=BreakerPolicy(failures=1))
    with pytest.raises(DeadlineExceededError):
        run(calls, plan(), within_s=0.5)
    assert calls.breaker.state == "closed"


def test_a_line_that_cannot_be_made_counts():
    _, calls = made(dials=[UnreachableError("refused")], policy=BreakerPolicy(failures=1))
    with pytest.raises(UnreachableError):
        finish(calls.dial(1.0))
    assert calls.breaker.state == "open"
    with pytest.raises(CircuitOpenError):
        finish(calls.dial(1.0))
