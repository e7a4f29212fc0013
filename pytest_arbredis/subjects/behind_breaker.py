"""Subjects behind a circuit breaker: one redis-py client and one breaker, which all clients of a load share."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.counting import METER
from pytest_arbredis.subjects.guards import GUARDS, OURS
from pytest_arbredis.subjects.redis_py import pool
from pytest_arbredis.subjects.redis_py_client import built
from pytest_arbredis.subjects.redis_py_operations import command_of, node_name, output_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation


@dataclass(frozen=True, slots=True, kw_only=True)
class Guarded:
    """Implements `Subject`: redis-py without retries behind the breaker of `library`.

    `failures` in a row open it, for `timeout_s`. On a dual topology reads go to the second Redis, behind the same
    breaker. With `wall_step_s` the wall clock that the library reads is set by so much when it opens first.
    Of our own breaker `probes` may be under way at once, and hardenings may be left `without`.
    """

    library: str
    failures: int = 3
    timeout_s: float = 0.4
    socket_timeout_s: float = 0.15
    wall_step_s: float = 0.0
    probes: int = 1
    without: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.library not in GUARDS:
            raise UsageError.unknown("library of circuit breakers", self.library, GUARDS)
        if self.library != OURS and (self.probes != 1 or self.without):
            raise UsageError(
                f"{self}", remedy=f"give probes and without to {OURS} only: the others have no such choice"
            )
        if self.failures < 1 or self.timeout_s <= 0 or self.socket_timeout_s <= 0:
            raise UsageError(f"{self}", remedy="give 1 or more failures, and times above 0")

    @property
    def name(self) -> str:
        """Library and version."""
        try:
            return f"{self.library} {version(self.library)}" + "".join(
                f", without {one}" for one in sorted(self.without)
            )
        except PackageNotFoundError:
            return self.library

    @property
    def absent(self) -> str:
        """Why it cannot be opened here; empty if it can."""
        try:
            version(self.library)
        except PackageNotFoundError:
            return f"{self.library} is not installed (pip install 'pytest-arbredis[breakers]')"
        return ""

    @property
    def says_fail(self) -> bool:
        """It counts what it sends, so an error can be certain."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return frozenset({"write", "read"})

    def open(self, endpoints: Endpoints) -> GuardedSession:
        """A session; the first of a load makes the client and the breaker."""
        return GuardedSession(_shared(self, endpoints))


class Moves:
    """What a breaker tells of its moves, numbered, on its way to the history."""

    def __init__(self) -> None:
        self.note: Callable[[dict[str, Json]], None] | None = None
        self.on_opened: Callable[[], None] | None = None
        self.calling = threading.local()
        self._lock = threading.Lock()
        self._state, self._seq = "closed", 0

    def moved_to(self, target: str, cause: str | None = None) -> None:
        """A move of a breaker that does not say from where; into the state it is in is none."""
        with self._lock:
            if target != self._state:
                self._tell(self._state, target, cause, None, None)

    def moved(
        self, source: str, target: str, cause: str | None = None, *, at_ns: int | None = None, op: int | None = None
    ) -> None:
        """A move as it was told: now, by this thread's operation; or at `at_ns`, by `op`."""
        with self._lock:
            self._tell(source, target, cause, at_ns, op)

    def _tell(self, source: str, target: str, cause: str | None, at_ns: int | None, op: int | None) -> None:
        self._state, self._seq = target, self._seq + 1
        told: dict[str, Json] = {
            "id": "redis",
            "seq": self._seq,
            "from": str(source),
            "to": str(target),
            "cause": cause,
            "at_ns": time.monotonic_ns() if at_ns is None else at_ns,
        }
        op = getattr(self.calling, "op", None) if at_ns is None else op
        if op is not None:
            told["op"] = op
        if self.note is not None:
            self.note(told)
        if target == "open" and self.on_opened is not None:
            act, self.on_opened = self.on_opened, None
            act()


class _Shared:
    """One client and one breaker, for as long as a session uses them."""

    def __init__(self, subject: Guarded, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.moves = Moves()
        self.guard = GUARDS[subject.library](self.moves, subject)
        if subject.wall_step_s:
            self.moves.on_opened = lambda: self.guard.step_wall(subject.wall_step_s)
        client = pool(socket_timeout_s=subject.socket_timeout_s, retries=0)
        self.client, _ = built(client, endpoints)
        second = endpoints.second
        self.reader = self.client if second is None else built(client, replace(endpoints, primary=second))[0]
        self.users = 0

    def close(self) -> None:
        """Tell all that is to be told, and disconnect."""
        self.guard.close()
        for client in (self.client, self.reader):
            client.connection_pool.disconnect()


_SHARED: dict[int, _Shared] = {}
_LOCK = threading.Lock()


def _shared(subject: Guarded, endpoints: Endpoints) -> _Shared:
    """What belongs to this load: its endpoints are one object, which the entry keeps alive."""
    with _LOCK:
        if id(endpoints) not in _SHARED:
            _SHARED[id(endpoints)] = _Shared(subject, endpoints)
        shared = _SHARED[id(endpoints)]
        shared.users += 1
        return shared


class GuardedSession:
    """Implements `Session`, `CountsAttempts` and `ReportsBreaker`."""

    def __init__(self, shared: _Shared) -> None:
        self._shared = shared
        self.attempts = 0
        self.tried: tuple[str, ...] = ()
        shared.client.ping()
        shared.reader.ping()

    def report_breaker_to(self, moved: Callable[[dict[str, Json]], None]) -> None:
        """One session tells of the breaker that all share."""
        if self._shared.moves.note is None:
            self._shared.moves.note = moved

    def apply(self, op: Invocation) -> Answer:
        """The outcome is that of the call itself; the error is what the caller is told."""
        shared, command = self._shared, command_of(op)
        client = shared.reader if op.name == "read" else shared.client
        entered: list[int] = []
        raised: list[BaseException] = []

        def ask() -> Any:
            entered.append(time.monotonic_ns())
            try:
                return command(client, op)
            except BaseException as error:
                raised.append(error)
                raise

        METER.start()
        shared.moves.calling.op = op.id
        try:
            output = output_of(op, shared.guard.call(ask))
        except Exception as error:
            told = f"{type(error).__name__}: {error}"
            if not entered:
                return Answer(outcome="fail", error=told, attempts=0)
            outcome = classify(raised[0] if raised else error, attempts=METER.attempts)
            if outcome is None:
                raise
            return Answer(outcome=outcome, error=told, attempts=METER.attempts, entered_ns=entered[0])
        finally:
            self.attempts = METER.attempts
            self.tried = tuple(node_name(shared.endpoints, address) for address in METER.tried)
        return Answer(output=output, node=self.tried[-1], attempts=self.attempts, entered_ns=entered[0])

    def close(self) -> None:
        """The last one closes what they share."""
        with _LOCK:
            self._shared.users -= 1
            if self._shared.users:
                return
            _SHARED.pop(id(self._shared.endpoints), None)
        self._shared.close()


def guarded(
    library: str,
    *,
    failures: int = 3,
    timeout_s: float = 0.4,
    socket_timeout_s: float = 0.15,
    wall_step_s: float = 0.0,
    probes: int = 1,
    without: Iterable[str] = (),
) -> Guarded:
    """redis-py behind a circuit breaker: pytest-arbredis, pybreaker, purgatory or circuitbreaker."""
    return Guarded(
        library=library,
        failures=failures,
        timeout_s=timeout_s,
        socket_timeout_s=socket_timeout_s,
        wall_step_s=wall_step_s,
        probes=probes,
        without=frozenset(without),
    )
