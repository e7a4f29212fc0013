"""Registers whose writes wait while Redis is away.

A write that waits has an unknown outcome, and says how many wait in its client, itself included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.offline.policy import OfflinePolicy
from pytest_arbredis.state.offline.queue import OfflineQueue
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation
    from pytest_arbredis.state.asks import Plan

WITHIN_S: Final = 0.2
VALID_FOR_S: Final = 0.3
"""How long a write of a drill may wait."""

MOST: Final = 3
"""Writes of one client that may wait at a time."""

POLICY: Final = OfflinePolicy(
    most=MOST, valid_for_s=VALID_FOR_S, within_s=WITHIN_S, first_pause_s=0.02, longest_pause_s=0.1
)


class Writer(Protocol):
    """What the drill needs: the hardened queue, and the naive twin."""

    def write(self, key: str, value: str) -> bool:
        """Write; False if it waits."""
        ...

    @property
    def waiting(self) -> int:
        """How many writes wait."""
        ...

    def read(self, key: str) -> str | None:
        """Read."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Writers:
    """Implements `Subject`."""

    name: str
    make: Callable[[Endpoints], Writer]
    operations: frozenset[str] = frozenset({"write", "read"})

    @property
    def own_names(self) -> bool:
        """Its keys are those that it is asked for."""
        return False

    def open(self, endpoints: Endpoints) -> WriterSession:
        """A queue of its own."""
        return WriterSession(self.make(endpoints))


class WriterSession:
    """One client."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation."""
        try:
            if op.name == "read":
                return self._writer.read(op.key)
            if op.name == "write":
                there = self._writer.write(op.key, str(op.input))
                if there:
                    return "OK"
                waiting = self._writer.waiting or None  # its time may be over by now
                return Answer(output=waiting, outcome="unknown", error="it waits until Redis is back")
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation", op.name, ("read", "write"))

    def close(self) -> None:
        """Close the queue."""
        self._writer.close()


class HardenedWriter:
    """Implements `Writer` by the state layer."""

    def __init__(self, endpoints: Endpoints, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._queue = OfflineQueue(self._redis, POLICY, _without=without)

    def write(self, key: str, value: str) -> bool:
        """As `Writer.write`."""
        return not self._queue.do(key, lambda: _sent("SET", key, value)).waits

    @property
    def waiting(self) -> int:
        """As `Writer.waiting`."""
        return len(self._queue)

    def read(self, key: str) -> str | None:
        """As `Writer.read`."""
        raw = self._redis.run(_sent("GET", key), within_s=WITHIN_S)
        return None if raw is None else raw.decode()

    def close(self) -> None:
        """As `Writer.close`."""
        self._queue.close()
        self._redis.close()


def _sent(*words: str) -> Plan[bytes | None]:
    found: bytes | None = yield Command(*words)
    return found


def waiting_writes(*, _without: Without = NONE) -> Writers:
    """The offline queue of the state layer."""
    return Writers(
        name=f"state layer, offline queue{lacking(_without)}",
        make=lambda endpoints: HardenedWriter(endpoints, _without),
    )
