"""The state manager as objects that drills know.

Its statistics are counters, its metrics and heartbeats registers, its positions sets of what is kept of them.

What a manager keeps for later is answered as `journalled` says: `ok`, where a drill asks that nothing accepted is lost
or counted twice, and looks when all have reconciled; `unknown`, where it asks that reads are right at any time, for
such a write takes effect at some later time. A read that says itself that it is degraded is a read that failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.apart import RECONCILE
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.subjects.state.connecting import lacking
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation

What = Literal["stat", "metric", "heartbeat", "position"]
Outcome = Literal["ok", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a manager said: a value, and whether it says that this is only of its own memory."""

    value: Json = None
    degraded: bool = False


class Manager(Protocol):
    """What the drill needs of a state manager: the hardened one, and the naive twin."""

    def write(self, what: What, name: str, value: Json) -> Told:
        """Add to a statistic, set a metric or a position, or beat."""
        ...

    def read(self, what: What, name: str) -> Told:
        """A statistic's number; a metric's or a heartbeat's value; all values that are kept of a position."""
        ...

    def reconcile(self) -> None:
        """Try Redis, and bring it what was kept."""
        ...

    @property
    def asked(self) -> bool:
        """Whether the last call asked Redis."""
        ...

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """Tell of changes of mode."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Managers:
    """Implements `Subject`: each client has a manager of its own, as a process would."""

    name: str
    what: What
    make: Callable[[Endpoints], Manager]
    journalled: Outcome

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return frozenset({"add" if self.what in {"stat", "position"} else "write", "read", RECONCILE})

    def open(self, endpoints: Endpoints) -> ManagerSession:
        """A manager of its own."""
        return ManagerSession(self.make(endpoints), self, endpoints.nodes.get(endpoints.primary, "primary"))


class ManagerSession:
    """One client. It counts an attempt, on the primary, for each operation that asked Redis at all."""

    def __init__(self, manager: Manager, subject: Managers, node: str) -> None:
        self._manager = manager
        self._subject = subject
        self._node = node
        self.attempts = 0
        self.tried: tuple[str, ...] = ()

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """Changes of mode become notes of the history."""
        self._manager.report_to(note)

    def apply(self, op: Invocation) -> Answer | Json:
        """One operation."""
        try:
            return self._applied(op)
        except StateError as error:
            return answer_to(error)
        finally:
            self.attempts = int(self._manager.asked)
            self.tried = (self._node, "memory") if self._manager.asked else ("memory",)

    def close(self) -> None:
        """Close the manager."""
        self._manager.close()

    def _applied(self, op: Invocation) -> Answer | Json:
        if op.name not in self._subject.operations:
            raise UsageError.unknown("operation on a manager", op.name, self._subject.operations)
        if op.name == RECONCILE:
            self._manager.reconcile()
            return None
        name = op.key.replace(":", ".")
        if op.name == "read":
            told = self._manager.read(self._subject.what, name)
            if told.degraded:
                return Answer(outcome="fail", error="Degraded: it is of this manager's memory")
            return told.value
        told = self._manager.write(self._subject.what, name, op.input)
        if told.degraded and self._subject.journalled == "unknown":
            return Answer(outcome="unknown", error="Journalled: Redis gets it later")
        return Answer(output=told.value, node="memory") if told.degraded else told.value


def managers(what: What, *, journalled: Outcome = "ok", asyncio: bool = False, _without: Without = NONE) -> Managers:
    """The state manager of the state layer."""
    from pytest_arbredis.subjects.state.hardened_manager import HardenedManager

    return Managers(
        name=f"state layer, manager's {what}{lacking(_without, asyncio=asyncio)}",
        what=what,
        make=lambda endpoints: HardenedManager(endpoints, asyncio=asyncio, without=_without),
        journalled=journalled,
    )
