"""A history that is complete: what checks judge. Pure data with a few views on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.history.records import Event, FaultRecord, Header, Op

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Header, operations (by invocation), faults (by begin) and events (by time) of one run."""

    header: Header
    ops: tuple[Op, ...] = ()
    faults: tuple[FaultRecord, ...] = ()
    events: tuple[Event, ...] = ()

    @classmethod
    def of(cls, header: Header, records: Iterable[Op | FaultRecord | Event]) -> History:
        """A history of records in any order."""
        ops: list[Op] = []
        faults: list[FaultRecord] = []
        events: list[Event] = []
        for record in records:
            if isinstance(record, Op):
                ops.append(record)
            elif isinstance(record, FaultRecord):
                faults.append(record)
            else:
                events.append(record)
        ops.sort(key=lambda op: (op.invoked_ns, op.id))
        faults.sort(key=lambda fault: (fault.began_ns, fault.id))
        events.sort(key=lambda event: event.at_ns)
        return cls(header=header, ops=tuple(ops), faults=tuple(faults), events=tuple(events))

    def named(self, *names: str) -> tuple[Op, ...]:
        """Operations of the load with one of these names; reads of the final phase are not among them."""
        return tuple(op for op in self.ops if op.name in names and not op.is_final)

    def final_reads(self) -> tuple[Op, ...]:
        """The harness's own reads of the final phase."""
        return tuple(op for op in self.ops if op.is_final)

    def events_named(self, name: str) -> tuple[Event, ...]:
        """Events of one name, by time."""
        return tuple(event for event in self.events if event.name == name)

    def phase_ns(self, phase: str) -> int | None:
        """When a phase (load, fault, heal, settled, final) was first entered, or None if it never was."""
        for event in self.events:
            if event.name == "phase" and event.data.get("phase") == phase:
                return event.at_ns
        return None
