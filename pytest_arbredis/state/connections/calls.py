"""One call: a seat of the pool, the breaker's permit, a connection to the primary, the plan's asks, within a deadline.

What is sent twice: only the first ask of a plan, once more, and only if the first attempt certainly did nothing
(connection refused, closed before sending, READONLY, LOADING, MASTERDOWN), or if it is a command that changes nothing
and its connection was lost. A time-out is never repeated: there is no time left. Each attempt has the breaker's permit.
"""

from __future__ import annotations

import math
import random
import time
from typing import TYPE_CHECKING, TypeVar

from pytest_arbredis.state.asks import Batch, Command, Confirm, Transaction
from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.attempt import Attempt
from pytest_arbredis.state.connections.commands import CHANGE_NOTHING, name_of
from pytest_arbredis.state.connections.discovery import LAST_TRY_S, Primary, pause_s
from pytest_arbredis.state.connections.exchange import exchange
from pytest_arbredis.state.connections.handshake import before_anything
from pytest_arbredis.state.connections.pool import Pool
from pytest_arbredis.state.connections.translation import RETRIED
from pytest_arbredis.state.deadline import expires_ns as expiry_ns
from pytest_arbredis.state.errors import (
    CircuitOpenError,
    ConflictError,
    ConnectionLostError,
    DeadlineExceededError,
    MisuseError,
    PoolExhaustedError,
    ReadOnlyError,
    ServerRefusedError,
    StateError,
    UnavailableError,
    UnreachableError,
)
from pytest_arbredis.state.kinds import DEADLINES_S, Kind

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Ask, Plan, Reply
    from pytest_arbredis.state.breaker.breaker import Breaker
    from pytest_arbredis.state.breaker.permit import Permit
    from pytest_arbredis.state.connections.backend import Backend, Wire
    from pytest_arbredis.state.connections.seat import Seat
    from pytest_arbredis.state.connections.settings import Settings
    from pytest_arbredis.state.connections.witness import Witness

T = TypeVar("T")


class Calls:
    """Runs plans on a pool of connections to one primary, guarded by one breaker."""

    def __init__(
        self, settings: Settings, backend: Backend, breaker: Breaker | None, *, witness: Witness | None = None
    ) -> None:
        without = settings._without  # noqa: SLF001 - the private switch of the drills
        self.breaker = breaker
        self.pool = Pool(settings.max_connections, backend.waiting_room())
        self._backend = backend
        self._chance = random.Random()
        self._primary = Primary(settings, backend, chance=self._chance, witness=witness)
        self._witness = witness
        self._idle_ns = int(settings.idle_check_s * NS_PER_S)
        self._repeats_blindly = "no-blind-repeats" in without
        self._keeps_outstanding = "fresh-connections" in without
        self._blames_all = "only-unwell-counts" in without

    async def run(self, plan: Plan[T], kind: Kind, within_s: float | None, seat: Seat | None = None) -> T:
        """The plan's result; on `seat` if one is held already."""
        try:
            try:
                ask = next(plan)
            except StopIteration as done:
                result: T = done.value
                return result
            own = kind if within_s is None else None
            expires_ns = expiry_ns(_default_s(kind, ask) if within_s is None else _positive(within_s))
            if seat is not None:
                return await self._drive(plan, ask, seat, expires_ns, own)
            seat = self.pool.take() or await self._wait(expires_ns)
            try:
                return await self._drive(plan, ask, seat, expires_ns, own)
            finally:
                self.pool.give(seat)
        finally:
            plan.close()

    def forget(self) -> None:
        """In a forked child: the parent's connections are not ours, and nobody is there to finish what it had begun."""
        self.pool.forget(self._backend.waiting_room())
        self._primary.forget()

    async def borrow(self) -> Seat:
        """A seat, to be given back to the pool."""
        return self.pool.take() or await self._wait(expiry_ns(DEADLINES_S[Kind.FAST]))

    async def dial(self, within_s: float) -> Wire:
        """A connection outside of the pool, ready to use."""
        expires_ns = expiry_ns(_positive(within_s))
        attempt = Attempt(self._enter(), blames_all=self._blames_all)
        try:
            wire = await self._primary.connect(expires_ns)
        except BaseException as error:
            attempt.unwell = error if isinstance(error, UnavailableError) else None
            attempt.settle(error)
            raise
        attempt.answered = True
        attempt.settle()
        return wire

    async def _wait(self, expires_ns: int) -> Seat:
        """A seat that comes free; while the breaker is open nobody waits for one in vain."""
        if self.breaker is not None and self.breaker.state == "open":
            left_s = self.breaker.snapshot().retry_in_s
            if left_s > 0:
                raise CircuitOpenError(self.breaker.id, int(left_s * NS_PER_S))
        try:
            return await self.pool.wait(expires_ns)
        except PoolExhaustedError as error:
            if self._blames_all and self.breaker is not None:
                self.breaker.enter().failed(error)
            raise

    def _enter(self) -> Permit | None:
        if self.breaker is None:
            if self._witness is not None:
                self._witness.entered(time.monotonic_ns())
            return None
        permit = self.breaker.enter()
        if self._witness is not None:
            self._witness.entered(permit.entered_ns)
        return permit

    async def _drive(self, plan: Plan[T], ask: Ask, seat: Seat, expires_ns: int, own: Kind | None) -> T:
        """Run the plan on a seat; `own` is its kind if that alone sets the deadline: then blocking steps add to it."""
        if expires_ns <= time.monotonic_ns():
            raise DeadlineExceededError(
                "the deadline passed before anything was sent",
                remedy="give the call longer (within_s)",
                applied="no",
            )
        self._require_its_state(seat)
        chosen = seat.changed
        attempt = Attempt(self._enter(), blames_all=self._blames_all)
        begun = changed = repeated = False
        try:
            while True:
                try:
                    reply = await self._answer(seat, ask, expires_ns, first=not begun)
                except StateError as error:
                    attempt.heard(error, ask)
                    if not (begun or repeated or chosen) and self._may_repeat(error, ask):
                        repeated = await self._try_again(attempt, error, expires_ns)
                        if repeated:
                            continue
                    if error.applied != "no":
                        changed = changed or _changes(ask)
                    elif changed:
                        error.applied = "unknown"  # an earlier ask of the same plan took effect
                    begun = True
                    ask = plan.throw(error)
                else:
                    attempt.answered = True
                    if type(ask) is Batch:
                        self._look_into(reply, seat, attempt)
                    begun, changed = True, changed or _changes(ask)
                    ask = plan.send(reply)
                    if own is not None and type(ask) is Command and ask.blocks_s:
                        expires_ns = max(expires_ns, expiry_ns(DEADLINES_S[own] + ask.blocks_s))
        except StopIteration as done:
            attempt.settle()
            result: T = done.value
            return result
        except BaseException as error:
            attempt.settle(error)
            raise

    def _require_its_state(self, seat: Seat) -> None:
        """Raises if the seat's connection was in a state of its own, and is lost."""
        if not (seat.watching or seat.changed) or self._in_order(seat):
            return
        if seat.watching:
            seat.drop()
            raise ConflictError(
                "the connection that watched was lost: nothing was written", remedy="read it, and try again"
            )
        self._end(seat)

    def _may_repeat(self, error: StateError, ask: Ask) -> bool:
        if isinstance(error, ServerRefusedError):
            return error.word in RETRIED
        if isinstance(error, ConnectionLostError):
            return self._repeats_blindly or error.applied == "no" or not _changes(ask)
        return isinstance(error, UnreachableError)

    async def _try_again(self, attempt: Attempt, error: StateError, expires_ns: int) -> bool:
        """Whether another attempt was let in, after a pause; there must be time left, and the breaker must agree."""
        pause = pause_s(0, self._chance)
        if time.monotonic_ns() + (pause + LAST_TRY_S) * NS_PER_S >= expires_ns:
            return False
        attempt.settle(error)
        await self._backend.pause(pause)
        try:
            attempt.begin(self._enter())
        except CircuitOpenError:
            return False
        return True

    async def _answer(self, seat: Seat, ask: Ask, expires_ns: int, *, first: bool) -> Reply:
        wire = await self._wire(seat, expires_ns) if first else seat.wire
        if wire is None:
            raise ConnectionLostError("the connection ended between two steps of one operation", applied="no")
        if self._witness is not None:
            self._witness.sent(wire.address)
        if type(ask) is Command:
            seat.mark(ask.args)
        elif type(ask) is Batch or type(ask) is Transaction:
            for args in ask.commands:
                seat.mark(args)
        try:
            reply = await exchange(wire, ask, expires_ns)
        except StateError as error:
            self._look_at(error, seat)
            raise
        except BaseException:
            if not self._keeps_outstanding:
                seat.drop()  # a reply may be outstanding
            raise
        if type(ask) is Transaction:
            seat.unwatch()
        return reply

    async def _wire(self, seat: Seat, expires_ns: int) -> Wire:
        """The seat's connection if it is one to the present primary and in order, else a new one."""
        wire = seat.wire
        if wire is not None:
            if self._in_order(seat):
                if time.monotonic_ns() - seat.idle_since_ns < self._idle_ns:
                    return wire
                if await self._lives(seat, wire, expires_ns):
                    seat.idle_since_ns = time.monotonic_ns()
                    return wire
            self._primary.doubt(seat.found)
            self._end(seat)
        wire = await self._primary.connect(expires_ns, seat)
        seat.idle_since_ns = time.monotonic_ns()
        return wire

    def _in_order(self, seat: Seat) -> bool:
        wire = seat.wire
        if wire is None or seat.generation != self._primary.generation:
            return False
        return self._keeps_outstanding or wire.clean()

    async def _lives(self, seat: Seat, wire: Wire, expires_ns: int) -> bool:
        try:
            await before_anything(wire, [("PING",)], min(expires_ns, time.monotonic_ns() + NS_PER_S))
        except UnavailableError:
            return False
        except BaseException:
            seat.drop()  # cancelled: its reply would be read as the next caller's
            raise
        return True

    def _end(self, seat: Seat) -> None:
        """End a connection that is of no use. Raises if a new one would be in another state than its holder chose."""
        chosen = seat.changed
        seat.drop()
        if chosen:
            raise ConnectionLostError(
                "the connection was lost, and the database or user that was chosen on it: nothing was sent",
                remedy="choose it again, then try again",
                applied="no",
            )

    def _look_at(self, error: StateError, seat: Seat) -> None:
        """What an error says of the connection, and of the primary."""
        if isinstance(error, ReadOnlyError):
            self._primary.gone(seat.generation)
            seat.drop()
        elif isinstance(error, DeadlineExceededError) and self._keeps_outstanding:
            return
        elif isinstance(error, ConnectionLostError | DeadlineExceededError) or (
            isinstance(error, ServerRefusedError) and error.word in {"LOADING", "MASTERDOWN", "UNBLOCKED"}
        ):
            self._primary.doubt(seat.found)
            seat.drop()
        elif isinstance(error, ConflictError):
            seat.unwatch()

    def _look_into(self, replies: list[Reply], seat: Seat, attempt: Attempt) -> None:
        """The same for the errors among a batch's replies."""
        for reply in replies:
            if isinstance(reply, UnavailableError):
                attempt.heard(reply)
                self._look_at(reply, seat)


def _changes(ask: Ask) -> bool:
    """Whether an ask may change anything."""
    if type(ask) is Command:
        return ask.args[0] not in CHANGE_NOTHING and name_of(ask.args) not in CHANGE_NOTHING
    if type(ask) is Batch:
        return any(name_of(args) not in CHANGE_NOTHING for args in ask.commands)
    return type(ask) is not Confirm


def _default_s(kind: Kind, ask: Ask) -> float:
    return DEADLINES_S[kind] + ask.blocks_s if type(ask) is Command else DEADLINES_S[kind]


def _positive(within_s: float) -> float:
    if not 0 < within_s < math.inf:
        raise MisuseError(f"within_s={within_s!r}", remedy="give finite seconds above 0")
    return within_s
