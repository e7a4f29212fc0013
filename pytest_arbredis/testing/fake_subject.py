"""A subject in memory, right by default, with bugs that can be planted: what checks must find, without a server."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation


class Bug(Enum):
    """What a planted bug does to an operation that it meets."""

    LOSES_WRITES = "acknowledges a write that it does not store"
    READS_STALE = "answers a read as if the last write had not been"
    APPLIES_TWICE = "applies an increment twice"
    LIES_ABOUT_REFUSALS = "applies a write and says that it was refused"
    CONFIRMS_TOO_MUCH = "says that all replicas confirmed a write that it does not store"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeSubject:
    """A store shared by all sessions. Implements `Subject`.

    Each bug meets a `share` of the operations it applies to, by seeded chance. `meets` is called with every operation
    before it is applied; what it raises is the operation's error, with `attempts` 0 (nothing was sent). With `replicas`
    every write is confirmed by so many.
    """

    bugs: frozenset[Bug] = frozenset()
    share: float = 0.05
    seed: int = 0
    replicas: int | None = None
    meets: Callable[[Invocation], None] = lambda _: None
    store: dict[str, list[Json]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def name(self) -> str:
        """`fake`, and its bugs."""
        return ", ".join(["fake", *sorted(bug.name.lower() for bug in self.bugs)])

    def open(self, endpoints: Endpoints) -> FakeSession:  # noqa: ARG002 - it has no server
        """A session on the shared store."""
        return FakeSession(self)

    def value(self, key: str) -> Json:
        """What is stored under `key` in the end: the last value, or None."""
        values = self.store.get(key)
        return values[-1] if values else None


class FakeSession:
    """Implements `Session` and `CountsAttempts`; the store keeps every value that a key ever had."""

    def __init__(self, subject: FakeSubject) -> None:
        self._subject = subject
        self._attempts = 0

    @property
    def attempts(self) -> int:
        """1 once the operation was let through, else 0."""
        return self._attempts

    @property
    def tried(self) -> tuple[str, ...]:
        """Its only node."""
        return ("fake",)

    def apply(self, op: Invocation) -> Answer:
        """Apply one operation, or what a planted bug makes of it."""
        self._attempts = 0
        self._subject.meets(op)
        self._attempts = 1
        with self._subject.lock:
            return Answer(output=self._applied(op), node="fake", **self._confirmation(op))

    def close(self) -> None:
        """Nothing is held."""

    def _applied(self, op: Invocation) -> Json:
        values = self._subject.store.setdefault(op.key, [])
        if op.name in {"write", "SET"}:
            if not (self._struck(Bug.LOSES_WRITES, op) or self._struck(Bug.CONFIRMS_TOO_MUCH, op)):
                values.append(op.input)
            if self._struck(Bug.LIES_ABOUT_REFUSALS, op):
                from redis.exceptions import ReadOnlyError

                raise ReadOnlyError("You can't write against a read only replica.")
            return "OK"
        if op.name in {"read", "GET"}:
            known = values[:-1] if self._struck(Bug.READS_STALE, op) else values
            return known[-1] if known else None
        if op.name == "increment":
            for _ in range(2 if self._struck(Bug.APPLIES_TWICE, op) else 1):
                last = values[-1] if values else 0
                values.append(int(str(last)) + int(str(op.input)))
            return values[-1]
        if op.name in {"PUBLISH", "PING"}:
            return 0 if op.name == "PUBLISH" else "PONG"
        raise UsageError.unknown("operation", op.name, ("write", "read", "increment", "GET", "SET", "PUBLISH", "PING"))

    def _struck(self, bug: Bug, op: Invocation) -> bool:
        subject = self._subject
        chance = random.Random(f"{subject.seed}:{bug.name}:{op.key}:{op.input!r}")
        return bug in subject.bugs and chance.random() < subject.share

    def _confirmation(self, op: Invocation) -> dict[str, Any]:
        replicas = self._subject.replicas
        writes = op.name in {"write", "increment", "SET"}
        return {} if replicas is None or not writes else {"confirmed": replicas, "wanted": replicas}
