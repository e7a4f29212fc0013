"""Connections as the designs have them: time-outs a read, three retries, no WAIT, a breaker without a limit."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.counting import METER
from pytest_arbredis.subjects.redis_py import RedisPy, direct, pool, sentinel
from pytest_arbredis.subjects.redis_py_client import built
from pytest_arbredis.subjects.redis_py_operations import command_of, node_name, output_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation
    from pytest_arbredis.subjects.redis_py_session import RedisPySession

RETRIES = 3
"""state-layer.md §5: 3 retries."""


def plain(*, timeout_s: float = 5.0) -> RedisPy:
    """state-layer.md §2: socket timeout 5 s; §3: REDIS_HOST, REDIS_PORT; §5: 3 retries. redis-py, as it comes."""
    return direct(socket_timeout_s=timeout_s, retries=RETRIES)


def by_sentinels(*, timeout_s: float = 5.0) -> RedisPy:
    """state-layer.md §5: Sentinel discovery, 3 retries; §2: socket timeout 5 s. redis-py, as it comes."""
    return sentinel(socket_timeout_s=timeout_s, retries=RETRIES, sentinel_retries=RETRIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusting:
    """Implements `Subject`: no design has a WAIT; what the primary says OK to is taken as safe on all `replicas`.

    So its writes are reported as confirmed by all of them, of which nobody asked one.
    """

    replicas: int
    timeout_s: float = 5.0

    @property
    def name(self) -> str:
        """What it is."""
        return f"naive connections by Sentinels, OK taken as confirmed by {self.replicas}"

    @property
    def confirms(self) -> bool:
        """So it believes."""
        return True

    @property
    def says_fail(self) -> bool:
        """It counts what it sends."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return plain().operations

    def open(self, endpoints: Endpoints) -> TrustingSession:
        """A client of its own."""
        return TrustingSession(self, endpoints)


class TrustingSession:
    """One client."""

    def __init__(self, subject: Trusting, endpoints: Endpoints) -> None:
        self._replicas = subject.replicas
        client = by_sentinels(timeout_s=subject.timeout_s)
        self._client: RedisPySession = client.open(endpoints)  # type: ignore[assignment]

    @property
    def attempts(self) -> int:
        """As its client counted."""
        return self._client.attempts

    @property
    def tried(self) -> tuple[str, ...]:
        """As its client counted."""
        return self._client.tried

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation."""
        answer = self._client.apply(op)
        return replace(answer, confirmed=self._replicas, wanted=self._replicas) if op.name == "write" else answer

    def close(self) -> None:
        """Close the client."""
        self._client.close()


class NaiveBreaker:
    """state-layer.md §2: closed, open on consecutive failures, half-open, closed on success, open on failure."""

    def __init__(self, failures: int, open_s: float) -> None:
        self._most, self._open_s = failures, open_s
        self._state, self._failures, self._opened, self._seq = "closed", 0, 0.0, 0
        self._lock = threading.Lock()
        self.note: Callable[[dict[str, Json]], None] | None = None

    def lets_in(self) -> bool:
        """Whether a call may be made: half-open lets in whoever comes."""
        with self._lock:
            if self._state == "open" and time.monotonic() >= self._opened + self._open_s:
                self._move("half-open", "timeout elapsed")
            return self._state != "open"

    def ended(self, *, well: bool, op: int | None = None) -> None:
        """Count what became of a call, whenever it was made."""
        with self._lock:
            self._failures = 0 if well else self._failures + 1
            if well and self._state == "half-open":
                self._move("closed", "success", op)
            elif not well and self._state != "open" and (self._state == "half-open" or self._failures >= self._most):
                self._opened = time.monotonic()
                self._move("open", f"{self._failures} failures", op)

    def _move(self, target: str, cause: str, op: int | None = None) -> None:
        source, self._state, self._seq = self._state, target, self._seq + 1
        told: dict[str, Json] = {"id": "application", "seq": self._seq, "from": source, "to": target, "cause": cause}
        if op is not None:
            told["op"] = op
        if self.note is not None:
            self.note(told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """Implements `Subject`: plain redis-py behind the naive breaker, if `failures` are given.

    On a dual topology reads go to the second Redis.
    """

    timeout_s: float = 5.0
    failures: int | None = None
    open_s: float = 0.4

    @property
    def name(self) -> str:
        """What it is."""
        return "naive connections" if self.failures is None else "naive connections behind a naive breaker"

    @property
    def says_fail(self) -> bool:
        """It counts what it sends."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return plain().operations

    def open(self, endpoints: Endpoints) -> NaiveSession:
        """A client of its own; the breaker is shared by the clients of one load."""
        return NaiveSession(self, endpoints)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """Implements `Subject`: one pool for all, a loop of retries around the naive breaker, and every error counts.

    state-layer.md §2: a pool (50 connections by default, here `max_connections`), socket timeout, breaker; §5: retries.
    """

    timeout_s: float
    failures: int
    open_s: float
    max_connections: int = 50
    retries: int = RETRIES

    @property
    def name(self) -> str:
        """What it is."""
        return f"naive pool of {self.max_connections}, {self.retries} retries around a naive breaker"

    @property
    def says_fail(self) -> bool:
        """It counts what it sends."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return plain().operations

    def open(self, endpoints: Endpoints) -> PooledSession:
        """A session; the first of a load makes the pool and the breaker."""
        return PooledSession(self, endpoints)


class PooledSession:
    """One caller."""

    def __init__(self, subject: Pooled, endpoints: Endpoints) -> None:
        self._tries = 1 + subject.retries
        self._endpoints = endpoints
        with _LOCK:
            if id(endpoints) not in _POOLS:
                _POOLS[id(endpoints)] = _Pools(subject, endpoints)
            self._pools = _POOLS[id(endpoints)]
        self._breaker = self._pools.breaker
        self.attempts = 0
        self.tried: tuple[str, ...] = ()

    def report_breaker_to(self, moved: Callable[[dict[str, Json]], None]) -> None:
        """One session tells of the breaker that all share."""
        if self._breaker.note is None:
            self._breaker.note = moved

    def apply(self, op: Invocation) -> Answer:
        """Try until it is done, the tries are used up, or the breaker is open: then that is what the caller is told."""
        METER.start()
        try:
            return self._tried(op)
        finally:
            self.attempts = METER.attempts
            self.tried = tuple(node_name(self._endpoints, address) for address in METER.tried)

    def _tried(self, op: Invocation) -> Answer:
        entered_ns, command = None, command_of(op)
        client = self._pools.reader if op.name == "read" else self._pools.writer
        left = self._tries
        while True:
            left -= 1
            if not self._breaker.lets_in():
                told = "CircuitOpenError: the breaker is open"
                return Answer(outcome="fail", error=told, attempts=METER.attempts, entered_ns=entered_ns)
            entered_ns = time.monotonic_ns()
            try:
                output = output_of(op, command(client, op))
            except Exception as error:
                self._breaker.ended(well=False, op=op.id)  # as designed: whatever it is, it failed
                if left:
                    continue
                outcome = classify(error, attempts=METER.attempts)
                if outcome is None:
                    raise
                return Answer(outcome=outcome, error=f"{type(error).__name__}: {error}", entered_ns=entered_ns)
            else:
                self._breaker.ended(well=True, op=op.id)
                node = node_name(self._endpoints, METER.tried[-1])
                return Answer(output=output, node=node, attempts=METER.attempts, entered_ns=entered_ns)

    def close(self) -> None:
        """Forget the pool; whoever is last is not asked for."""
        _POOLS.pop(id(self._endpoints), None)
        for client in (self._pools.writer, self._pools.reader):
            client.connection_pool.disconnect(inuse_connections=False)


class _Pools:
    """What the callers of one load share. On a dual topology reads go to the second Redis, past the same breaker."""

    def __init__(self, subject: Pooled, endpoints: Endpoints) -> None:
        self.endpoints = endpoints
        self.breaker = NaiveBreaker(subject.failures, subject.open_s)
        self.writer = self._client(subject, endpoints)
        self.reader = self.writer
        if endpoints.second is not None:
            self.reader = self._client(subject, replace(endpoints, primary=endpoints.second))

    @staticmethod
    def _client(subject: Pooled, endpoints: Endpoints) -> Any:
        client, _ = built(pool(socket_timeout_s=subject.timeout_s, retries=0), endpoints)
        client.connection_pool.max_connections = subject.max_connections
        client.ping()
        return client


_POOLS: dict[int, _Pools] = {}
_LOCK = threading.Lock()

_BREAKERS: dict[int, tuple[Endpoints, NaiveBreaker]] = {}


class NaiveSession:
    """One client."""

    def __init__(self, subject: Naive, endpoints: Endpoints) -> None:
        client = plain(timeout_s=subject.timeout_s)
        self._writer: RedisPySession = client.open(endpoints)  # type: ignore[assignment]
        self._reader = self._writer
        if endpoints.second is not None:
            self._reader = client.open(replace(endpoints, primary=endpoints.second))  # type: ignore[assignment]
        self._last = self._writer
        self._breaker: NaiveBreaker | None = None
        if subject.failures is not None:
            made = (endpoints, NaiveBreaker(subject.failures, subject.open_s))
            self._breaker = _BREAKERS.setdefault(id(endpoints), made)[1]
        self._endpoints = endpoints
        self.rejected = False

    @property
    def attempts(self) -> int:
        """As its client counted."""
        return 0 if self.rejected else self._last.attempts

    @property
    def tried(self) -> tuple[str, ...]:
        """As its client counted."""
        return () if self.rejected else self._last.tried

    def report_breaker_to(self, moved: Callable[[dict[str, Json]], None]) -> None:
        """One session tells of the breaker that all share."""
        if self._breaker is not None and self._breaker.note is None:
            self._breaker.note = moved

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation."""
        self._last = self._reader if op.name == "read" else self._writer
        self.rejected = False
        breaker = self._breaker
        if breaker is None:
            return self._last.apply(op)
        if not breaker.lets_in():
            self.rejected = True
            return Answer(outcome="fail", error="CircuitOpenError: the breaker is open", attempts=0)
        entered_ns = time.monotonic_ns()
        try:
            answer = self._last.apply(op)
        except Exception as error:
            breaker.ended(well=False)
            outcome = classify(error, attempts=self.attempts)
            if outcome is None:
                raise
            return Answer(outcome=outcome, error=f"{type(error).__name__}: {error}", entered_ns=entered_ns)
        breaker.ended(well=True)
        return replace(answer, entered_ns=entered_ns)

    def close(self) -> None:
        """Close the clients."""
        _BREAKERS.pop(id(self._endpoints), None)
        self._writer.close()
        if self._reader is not self._writer:
            self._reader.close()
