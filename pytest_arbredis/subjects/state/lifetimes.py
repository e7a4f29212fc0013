"""Keys of the layer that must end, as a subject: they are written, and asked how long they live.

A life is counted from the write: what PTTL says, and the time that has passed since the write was answered. The server
wrote before it answered, so that is never more than the life that the key was given, however slow anybody is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.errors import UsageError
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.cache.cache import Cache
from pytest_arbredis.state.engine.snapshot import Quote
from pytest_arbredis.state.engine.store import EngineStore
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.keyspace.patterns import (
    ACCOUNT,
    AGENT,
    CACHED,
    LOGIN_SESSION,
    POSITIONS,
    SNAPSHOT,
    SYMBOL_METRIC,
    SYMBOL_SPEC,
)
from pytest_arbredis.state.symbols.store import SymbolMetrics
from pytest_arbredis.subjects.state.connecting import hardened
from pytest_arbredis.subjects.state.pieces import part_of
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.keyspace.pattern import KeyPattern

WITHIN_S: Final = 0.5
ENV: Final = "test"
METRIC: Final = "latency"

PATTERNS: Final[Mapping[str, KeyPattern]] = MappingProxyType(
    {
        "agent": AGENT,
        "snapshot": SNAPSHOT,
        "metric": SYMBOL_METRIC,
        "cached": CACHED,
        "login": LOGIN_SESSION,
        "account": ACCOUNT,
        "positions": POSITIONS,
        "spec": SYMBOL_SPEC,
    }
)
"""The kinds of keys, by the word that a drill's operations have for them. Each has a time to live of its pattern."""


class Writer(Protocol):
    """What the drill needs: the layer, and the naive twin."""

    def write(self, kind: str, key: str, value: str) -> None:
        """Write a key of this kind, with its time to live."""
        ...

    def ttl_ms(self, key: str) -> int:
        """As PTTL says it."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Mortals:
    """Implements `Subject`."""

    name: str
    make: Callable[[Endpoints], Writer]
    operations: frozenset[str] = frozenset({"write", *PATTERNS})

    def open(self, endpoints: Endpoints) -> MortalSession:
        """One client."""
        return MortalSession(self.make(endpoints))


class MortalSession:
    """One client, which looks at its own keys only."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._answered_ns: dict[str, int] = {}

    def apply(self, op: Invocation) -> Answer | Json:
        """Write, or ask for the life of a key, in milliseconds; -1 without an end, -2 without the key."""
        try:
            if op.name == "write":
                kind = op.key.rsplit(":", 3)[-3]
                self._writer.write(kind, key_of(kind, op.key), str(op.input))
                self._answered_ns[op.key] = time.monotonic_ns()
                return "OK"
            if op.name in PATTERNS:
                asked_ns = time.monotonic_ns()
                left_ms = self._writer.ttl_ms(key_of(op.name, op.key))
                since_ms = (asked_ns - self._answered_ns.get(op.key, asked_ns)) / NS_PER_MS
                return left_ms if left_ms < 0 else round(left_ms + since_ms)
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation", op.name, sorted({"write", *PATTERNS}))

    def close(self) -> None:
        """Close the writer."""
        self._writer.close()


def key_of(kind: str, key: str) -> str:
    """The layer's key of a kind for a key of a workload."""
    name = part_of(key)
    match kind:
        case "agent":
            return AGENT.key(agent_id=name)
        case "snapshot":
            return SNAPSHOT.key(SYMBOL=symbol_of(key))
        case "metric":
            return SYMBOL_METRIC.key(env=ENV, symbol=symbol_of(key), metric_type=METRIC)
        case "cached":
            return CACHED.key(env=ENV, cache_key=name)
        case "login":
            return LOGIN_SESSION.key(session_id=name)
        case "account":
            return ACCOUNT.key(account_id=name)
        case "positions":
            return POSITIONS.key(account_id=name)
        case "spec":
            return SYMBOL_SPEC.key(symbol=symbol_of(key))
    raise UsageError.unknown("kind of key", kind, sorted(PATTERNS))


def symbol_of(key: str) -> str:
    """A key of a workload as a symbol, upper case."""
    return part_of(key).upper()


class HardenedWriter:
    """Implements `Writer` by the pieces that each kind belongs to."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._redis = hardened(endpoints)
        self._engine = EngineStore(self._redis)
        self._metrics = SymbolMetrics(self._redis)
        self._cache = Cache(self._redis)

    def write(self, kind: str, key: str, value: str) -> None:
        """As `Writer.write`."""
        name = key.rpartition(":")[2]
        if kind == "agent":
            self._engine.save_agent(name, {"value": value}, within_s=WITHIN_S)
        elif kind == "snapshot":
            quote = Quote(price=1.0, volume=1.0, bid=1.0, ask=1.0, timestamp=0.0)
            self._engine.put_snapshot(name, quote, within_s=WITHIN_S)
        elif kind == "metric":
            self._metrics.save(ENV, key.split(":")[3], METRIC, {"value": value}, within_s=WITHIN_S)
        else:
            self._cache.get_with_fallback(key, lambda: value, within_s=WITHIN_S)

    def ttl_ms(self, key: str) -> int:
        """As `Writer.ttl_ms`."""
        return self._redis.run(_ttl_ms(key), within_s=WITHIN_S)

    def close(self) -> None:
        """As `Writer.close`."""
        self._redis.close()


def _ttl_ms(key: str) -> Plan[int]:
    return int((yield Command("PTTL", key)))


def mortals() -> Mortals:
    """All that the state layer writes with a time to live of its pattern."""
    return Mortals(name="state layer, keys that end", make=HardenedWriter)
