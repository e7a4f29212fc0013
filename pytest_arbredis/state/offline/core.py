"""What both offline queues do, as steps: each is an attempt in Redis, whose result or error comes back by `send`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.connections.translation import RETRIED
from pytest_arbredis.state.errors import (
    Applied,
    CircuitOpenError,
    ConnectionLostError,
    DeadlineExceededError,
    PoolExhaustedError,
    ServerRefusedError,
    StateError,
    UnreachableError,
)
from pytest_arbredis.state.hardenings import Without, require_known
from pytest_arbredis.state.offline.backlog import Backlog, Waiting
from pytest_arbredis.state.offline.policy import HARDENINGS, Answer, Fate, OfflinePolicy, Settled, require_seconds

if TYPE_CHECKING:
    from random import Random

    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.clock import Clock
    from pytest_arbredis.state.kinds import Kind

AWAY: Final = (UnreachableError, ConnectionLostError, DeadlineExceededError, CircuitOpenError)
"""Errors that mean that Redis is not there, if nothing was applied; and those refusals that pass by themselves."""

NOT_YET: Final = object()
"""In the place of a result: the operation waits."""

FATES: Final[Mapping[Applied, Fate]] = MappingProxyType({"no": "refused", "yes": "sent", "unknown": "unknown"})

Listener = Callable[[Settled], object]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Run this plan, for so long at the most."""

    plan: Plan[Any]
    kind: Kind
    within_s: float


Steps = Generator[Attempt, Any, Any]


def is_away(error: StateError) -> bool:
    """Whether Redis is not there, and certainly did nothing: only then may the same operation be sent later."""
    refused = isinstance(error, ServerRefusedError) and error.word in RETRIED
    return error.applied == "no" and (refused or isinstance(error, AWAY))


class Core:
    """Shared by threads. The lock is held for moments, never while Redis is asked or the listener is told."""

    def __init__(
        self, policy: OfflinePolicy, listener: Listener | None, clock: Clock, chance: Random, without: Without
    ) -> None:
        self.policy = policy
        self.backlog = Backlog(policy, require_known(without, HARDENINGS))
        self.lock = threading.Lock()
        self._listener = listener
        self._clock = clock
        self._chance = chance
        self._drains = False
        self._looks = 0
        self._look_at_ns = 0

    def waiting(self, what: str, make: Callable[[], Plan[Any]], kind: Kind, valid_for_s: float | None) -> Waiting:
        """An operation from now on."""
        valid_s = self.policy.valid_for_s if valid_for_s is None else require_seconds("valid_for_s", valid_for_s)
        now_ns = self._clock.monotonic_ns()
        return Waiting(what=what, make=make, kind=kind, since_ns=now_ns, until_ns=now_ns + int(valid_s * NS_PER_S))

    def do(self, one: Waiting) -> Steps:
        """Send it if Redis is there and none waits, else behind those that wait."""
        with self.lock:
            goes = not len(self.backlog) and not self._drains and self._may_try()
        if goes:
            try:
                value = yield Attempt(one.make(), one.kind, self._within_s(one))
            except StateError as error:
                if not is_away(error):
                    raise
                self._failed()
                self._accept(one)
                return Answer(value=None, waits=True)
            self._served()
            return Answer(value=value)
        _tried(one)
        self._accept(one)
        value = yield from self.drain(own=one)
        return Answer(value=None, waits=True) if value is NOT_YET else Answer(value=value)

    def ask(self, plan: Plan[Any], kind: Kind, within_s: float, otherwise: Any) -> Steps:
        """A read: never kept waiting."""
        with self.lock:
            goes = self._may_try()
        if not goes:
            plan.close()
            return Answer(value=otherwise, degraded=True)
        try:
            value = yield Attempt(plan, kind, within_s)
        except StateError as error:
            if not isinstance(error, AWAY) and not is_away(error):
                raise
            self._failed()
            return Answer(value=otherwise, degraded=True)
        self._served()
        return Answer(value=value)

    def drain(self, *, own: Waiting | None = None, now: bool = False) -> Steps:
        """Send those that wait, the oldest first, until Redis is away again; with `now` without waiting for its turn.

        Gives the result of `own`, or raises its error; `NOT_YET` if it waits still, or another caller drains.
        """
        self._drop_expired()
        with self.lock:
            if self._drains or not len(self.backlog) or not (now or self._may_try()):
                return NOT_YET
            self._drains = drains = True
        result: Any = NOT_YET
        failure: StateError | None = None
        try:
            while drains:
                self._drop_expired()
                with self.lock:
                    one = self.backlog.begin()
                    if one is None:  # in one step: who comes now drains for himself
                        self._drains = drains = False
                        break
                try:
                    value = yield from self._send(one, told=one is not own)
                except StateError as error:
                    if _stays(error):
                        break
                    failure = error if one is own else failure
                else:
                    result = value if one is own else result
            if failure is not None:
                raise failure
            return result
        finally:
            if drains:
                with self.lock:
                    self._drains = False

    def _send(self, one: Waiting, *, told: bool) -> Steps:
        """Its result, or its error. It is settled then, unless the error says that it stays."""
        fate: Fate = "unknown"
        error: StateError | None = None
        stays = False
        try:
            value = yield Attempt(one.make(), one.kind, self._within_s(one))
            fate = "sent"
            self._served()
        except StateError as failure:
            error = failure
            stays = _stays(failure)
            fate = FATES[failure.applied]
            if is_away(failure):
                self._failed()
            raise
        else:
            return value
        finally:  # on a cancellation too: then nobody knows
            with self.lock:
                self.backlog.end(again=stays)
            if told and not stays:
                self._settle(one, fate, error)

    def end(self) -> None:
        """Nothing is sent any more: what waits is dropped."""
        with self.lock:
            left = self.backlog.clear()
        for one in left:
            self._settle(one, "dropped")

    def _accept(self, one: Waiting) -> None:
        self._drop_expired()
        with self.lock:
            dropped = self.backlog.add(one)
        if dropped is not None:
            self._settle(dropped, "dropped")

    def _drop_expired(self) -> None:
        with self.lock:
            over = self.backlog.expired(self._clock.monotonic_ns())
        for one in over:
            self._settle(one, "expired")

    def _settle(self, one: Waiting, fate: Fate, error: StateError | None = None) -> None:
        if self._listener is not None:
            waited_s = (self._clock.monotonic_ns() - one.since_ns) / NS_PER_S
            self._listener(Settled(what=one.what, fate=fate, waited_s=waited_s, error=error))

    def _within_s(self, one: Waiting) -> float:
        """What an attempt may take: it ends with the time in which the operation may be sent."""
        left_s = one.left_s(self._clock.monotonic_ns())
        return max(0.001, min(self.policy.within_s, left_s)) if left_s > 0 else self.policy.within_s

    def _may_try(self) -> bool:
        """Whether Redis is there, or it is time to look. Called with the lock held; counts as the look."""
        now_ns = self._clock.monotonic_ns()
        if not self._looks:
            return True
        if now_ns < self._look_at_ns:
            return False
        self._looks += 1
        self._look_at_ns = now_ns + self._pause_ns()
        return True

    def _pause_ns(self) -> int:
        doubled = self.policy.first_pause_s * 2.0 ** min(self._looks - 1, 30)
        return int(min(self.policy.longest_pause_s, doubled) * (0.5 + self._chance.random() / 2) * NS_PER_S)

    def _failed(self) -> None:
        """Redis is away. Those who find it out together count as one."""
        with self.lock:
            if not self._looks:
                self._looks = 1
                self._look_at_ns = self._clock.monotonic_ns() + self._pause_ns()

    def _served(self) -> None:
        with self.lock:
            self._looks = 0


def _stays(error: StateError) -> bool:
    """Whether what waits goes on waiting: Redis is away, or the caller's own pool is full."""
    return is_away(error) or (isinstance(error, PoolExhaustedError) and error.applied == "no")


def _tried(one: Waiting) -> None:
    """Begin its plan and end it: what could never be right is refused now, and not when it is sent."""
    plan = one.make()
    try:
        next(plan, None)
    finally:
        plan.close()
