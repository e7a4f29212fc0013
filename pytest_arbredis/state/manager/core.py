"""The part of a manager that knows no sockets: mode, journal, memory, the server's time. Sync and asyncio share it."""

from __future__ import annotations

import itertools
import os
import secrets
import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pytest_arbredis.state.errors import CircuitOpenError, PoolExhaustedError, StateError, UnavailableError
from pytest_arbredis.state.manager.memory import Memory
from pytest_arbredis.state.manager.modes import Mode
from pytest_arbredis.state.manager.reconciling import reconcile

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.clock import Clock
    from pytest_arbredis.state.hardenings import Without
    from pytest_arbredis.state.kinds import Kind
    from pytest_arbredis.state.manager.entries import Entry, Instant
    from pytest_arbredis.state.manager.journal import Journal
    from pytest_arbredis.state.manager.modes import ModeKeeper
    from pytest_arbredis.state.manager.naming import Namespace
    from pytest_arbredis.state.manager.server_time import ServerTime

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")

HARDENINGS: Final = frozenset(
    {"journal", "idempotency-token", "newest-wins", "conflict-report", "degraded-reads", "ttl-in-one-step"}
)
"""journal: writes of a fallback wait, and are reconciled; without it they are of this memory only.
idempotency-token: an addition is applied once, though it may be sent again. newest-wins: a metric that comes late does
not hide a newer one. conflict-report: a position that comes late does not hide another's. degraded-reads: what is of
this memory says so, and a heartbeat that is, is none. ttl-in-one-step: a Hash and its time to live are one write."""

SERVE_FROM_MEMORY: Final = (UnavailableError, CircuitOpenError, PoolExhaustedError)
"""Errors that make a manager work in memory; all others are the caller's to hear."""

MOST_SPENT: Final = 10
"""Tokens that are given back with one addition."""


class BusyError(StateError):
    """Another thread or task reconciles just now: this write joins the journal, this read is of the memory."""


class Operation(Protocol[T_co]):
    """One operation of a manager: what it asks of Redis, and what it does where Redis does not serve."""

    @property
    def kind(self) -> Kind:
        """As `Runs.run` takes it."""
        ...

    def ask(self, core: Core) -> Plan[T_co]:
        """Ask Redis, and remember what it said."""
        ...

    def from_memory(self, core: Core, *, sent: bool) -> T_co:
        """Serve it from memory; `sent`: Redis may have applied it. Called with the core's lock held."""
        ...


class Core:
    """What both managers share. The lock is held for work in memory (and the journal's fsync), never while asking."""

    def __init__(
        self,
        *,
        names: Namespace,
        modes: ModeKeeper,
        journal: Journal,
        time: ServerTime,
        clock: Clock,
        within_s: float,
        without: Without,
    ) -> None:
        self.names = names
        self.modes = modes
        self.journal = journal
        self.time = time
        self.clock = clock
        self.within_s = within_s
        self.without = without
        self.memory = Memory()
        self._writer, self._pid = secrets.token_hex(8), os.getpid()
        self.refused: list[tuple[Entry, StateError]] = []
        self.spent: deque[str] = deque(maxlen=1000)
        self.lock = threading.RLock()
        self._numbers = itertools.count()
        self._reconciles = False

    @property
    def writer(self) -> str:
        """Who this is: nobody else has this name, a forked child neither."""
        if os.getpid() != self._pid:
            self._writer, self._pid = secrets.token_hex(8), os.getpid()
        return self._writer

    def token(self) -> str:
        """A token that nobody else has, or had."""
        return f"{self.writer}-{next(self._numbers)}"

    def wrote(self, entry: Entry) -> bool:
        """Whether this manager made it, and not an earlier process that left it in the file."""
        return entry.token.startswith(f"{self.writer}-")

    def now(self) -> Instant:
        """This instant."""
        return self.time.now()

    def take_spent(self) -> list[str]:
        """Some tokens of additions that were answered at once: nobody will ask about them again."""
        with self.lock:
            return [self.spent.popleft() for _ in range(min(MOST_SPENT, len(self.spent)))]

    def keeps(self, *entries: Entry) -> bool:
        """Put them into the journal, if there is one; whether they are there. Raises `NotJournalledError`."""
        if "journal" in self.without or self.modes.mode is Mode.MEMORY:
            return False
        self.journal.add(*entries)
        return True

    @property
    def says_degraded(self) -> bool:
        """Whether what is of this memory says so."""
        return "degraded-reads" not in self.without

    def age_s(self, seen_ns: int | None) -> float | None:
        """How long ago it was seen in Redis, in seconds; None if it never was."""
        return None if seen_ns is None else (self.clock.monotonic_ns() - seen_ns) / 1e9

    def attempt(self, op: Operation[T]) -> Plan[T] | None:
        """The plan that tries it in Redis, after what waits in the journal; None if Redis is not to be asked now."""
        with self.lock:
            return self._online(op) if self.modes.may_try() else None

    def _online(self, op: Operation[T]) -> Plan[T]:
        if self._is_behind():
            yield from self.catch_up()
        return (yield from op.ask(self))

    def _is_behind(self) -> bool:
        with self.lock:
            return self.modes.mode is Mode.FALLBACK or len(self.journal) > 0

    def catch_up(self) -> Plan[None]:
        """Bring Redis all that waits in the journal, and go back to it. Raises `BusyError` if somebody else does."""
        with self.lock:
            if self._reconciles:
                raise BusyError("another thread or task reconciles")
            self._reconciles = True
        try:
            yield from reconcile(self)
        finally:
            self._reconciles = False

    def otherwise(self, op: Operation[T], error: StateError | None) -> T:
        """Serve it from memory, because of `error` (None: Redis was not asked). Raises the error if that is no way."""
        if error is not None and not isinstance(error, (*SERVE_FROM_MEMORY, BusyError)):
            raise error
        sent = error is not None and error.applied != "no" and not isinstance(error, BusyError)
        with self.lock:
            result = op.from_memory(self, sent=sent)
            if error is not None and not isinstance(error, BusyError):
                self.modes.fell_back(f"{type(error).__name__}: {error.cause}", len(self.journal))
            return result
