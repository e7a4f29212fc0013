"""Where a manager works: in Redis, in memory until Redis is back, or in memory for good. Each change is told once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.clock import NS_PER_S

if TYPE_CHECKING:
    from pytest_arbredis.state.clock import Clock

LOG: Final = logging.getLogger("pytest_arbredis.state.manager")


class Mode(Enum):
    """Where a manager works."""

    REDIS = "redis"
    FALLBACK = "fallback"
    """In memory, with a journal, until Redis is back."""
    MEMORY = "memory"
    """In memory, as it was asked: nobody else sees it, and it ends with the process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChange:
    """A change, the `seq`-th of its manager, at `at_ns` of CLOCK_MONOTONIC, with `waiting` entries in the journal."""

    seq: int
    before: Mode
    after: Mode
    cause: str
    waiting: int
    at_ns: int


Listener = Callable[[ModeChange], None]


class ModeKeeper:
    """The mode, when Redis may be tried next, and who is told of changes. Its manager holds a lock around it."""

    def __init__(self, mode: Mode, *, name: str, retry_every_s: float, clock: Clock, listener: Listener | None) -> None:
        self.mode = mode
        self.listener = listener
        self._name = name
        self._every_ns = int(retry_every_s * NS_PER_S)
        self._clock = clock
        self._seq = 0
        self._try_at_ns = 0

    def may_try(self) -> bool:
        """Whether Redis may be asked now: always in its mode, else every `retry_every_s` seconds, once."""
        if self.mode is Mode.REDIS:
            return True
        now_ns = self._clock.monotonic_ns()
        if self.mode is Mode.MEMORY or now_ns < self._try_at_ns:
            return False
        self._try_at_ns = now_ns + self._every_ns
        return True

    def try_now(self) -> None:
        """Let the next operation try Redis."""
        self._try_at_ns = 0

    def fell_back(self, cause: str, waiting: int) -> None:
        """Redis did not serve."""
        self._try_at_ns = self._clock.monotonic_ns() + self._every_ns
        if self.mode is Mode.REDIS:
            self._change(Mode.FALLBACK, cause, waiting)

    def came_back(self) -> None:
        """Redis serves, and has all that was in the journal."""
        if self.mode is Mode.FALLBACK:
            self._change(Mode.REDIS, "Redis serves again, and the journal is empty", 0)

    def refused(self, about: tuple[str, str], error: Exception) -> None:
        """An entry of the journal was refused for good."""
        LOG.warning("%s: the %s %r was not reconciled: %s", self._name, *about, error)

    def _change(self, after: Mode, cause: str, waiting: int) -> None:
        self._seq += 1
        change = ModeChange(
            seq=self._seq,
            before=self.mode,
            after=after,
            cause=cause,
            waiting=waiting,
            at_ns=self._clock.monotonic_ns(),
        )
        self.mode = after
        LOG.warning("%s: from %s to %s: %s", self._name, change.before.value, after.value, cause)
        if self.listener is not None:
            self.listener(change)
