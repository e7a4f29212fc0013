"""The vacuity guard: a verdict counts only if the run could have shown the opposite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, get_args

from pytest_arbredis.checkers.exposure import EXPOSED_BY, ExposedBy, exposed
from pytest_arbredis.checkers.reasons import guarded
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class VacuityGuard:
    """Unknown, with a reason for each, unless the run gave the claim a chance to fail.

    - Operations of the judged class (`names`) succeeded before the first fault and after healing; without any fault,
      at all.
    - Every fault of `faults` is on record, as often as it is named; every recorded one, named or not, was observed, and
      operations of the class were attempted on its target while it was in force (`exposed_by`, by `fault` or
      `fault on target`: see `ExposedBy`).
    - During the faults of `expect_success_during` one of those also succeeded.
    - All final reads succeeded, after the topology had settled; with `final_reads` there was at least one.
    """

    faults: tuple[str, ...]
    names: tuple[str, ...] = ("write",)
    expect_success_during: tuple[str, ...] = ()
    exposed_by: Mapping[str, ExposedBy] = field(default_factory=dict)
    final_reads: bool = True

    def __post_init__(self) -> None:
        """Refuse settings that would never apply."""
        if not self.names:
            raise UsageError("names=()", remedy="name the judged operations, e.g. names=('write',)")
        for how in self.exposed_by.values():
            if how not in get_args(ExposedBy):
                raise UsageError.unknown("exposure", how, get_args(ExposedBy))
        for name in self.expect_success_during:
            if name not in self.faults:
                raise UsageError.unknown("fault in expect_success_during", name, self.faults)

    @property
    def claim(self) -> str:
        """`vacuity_guard`."""
        return "vacuity_guard"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        met = {fault.id: self._met(history, fault) for fault in history.faults}
        reasons = [
            *self._why_not_served(history),
            *self._why_not_injected(history),
            *(reason for fault in history.faults for reason in self._why_not_met(history, fault)),
            *self._why_not_read(history),
        ]
        succeeded = sum(op.outcome == "ok" for op in history.named(*self.names))
        reads = len(history.final_reads())
        figures: dict[str, Json] = {
            "succeeded": succeeded,
            "faults": len(history.faults),
            "observed": sum(fault.evidence is not None for fault in history.faults),
            "met": {f"{fault.name} {fault.id}": met[fault.id] for fault in history.faults},
            "final_reads": reads,
        }
        told = ", ".join(f"{fault.name} met by {met[fault.id]}" for fault in history.faults) or "no fault"
        summary = f"{succeeded} {'s and '.join(self.names)}s succeeded; {told}; {reads} final reads"
        return guarded(self.claim, reasons, told=summary, figures=figures)

    def _met(self, history: History, fault: FaultRecord) -> int:
        return len(exposed(history, fault, self.names, by=self._by(fault)))

    def _by(self, fault: FaultRecord) -> ExposedBy:
        by = self.exposed_by
        usual = by.get(f"{fault.name} on {fault.target}", EXPOSED_BY.get(fault.name, "target"))
        return by.get(fault.name, usual)

    def _why_not_served(self, history: History) -> Iterator[str]:
        what = " or ".join(self.names)
        told = [op for op in history.named(*self.names) if op.outcome == "ok" and op.completed_ns is not None]
        if not history.faults:
            if not told:
                yield f"no {what} succeeded"
            return
        first_ns = history.faults[0].began_ns
        if not any(op.completed_ns is not None and op.completed_ns < first_ns for op in told):
            yield f"no {what} succeeded before the first fault"
        healed = healed_ns(history)
        if healed is None:
            yield "it is not on record that everything was healed"
        elif not any(op.invoked_ns >= healed for op in told):
            yield f"no {what} succeeded after healing"

    def _why_not_injected(self, history: History) -> Iterator[str]:
        recorded = Counter(fault.name for fault in history.faults)
        for name, count in Counter(self.faults).items():
            if recorded[name] < count:
                yield f"{name} is on record {recorded[name]} of {count} times"

    def _why_not_met(self, history: History, fault: FaultRecord) -> Iterator[str]:
        what, where = " or ".join(self.names), f"{fault.name} on {', '.join(fault.nodes) or fault.target}"
        if fault.evidence is None:
            yield f"{where} was not observed"
        met = exposed(history, fault, self.names, by=self._by(fault))
        if not met:
            yield f"no {what} met {where} while it was in force"
        elif fault.name in self.expect_success_during and not any(op.outcome == "ok" for op in met):
            yield f"no {what} succeeded during {where}"

    def _why_not_read(self, history: History) -> Iterator[str]:
        reads, settled_ns = history.final_reads(), history.phase_ns("settled")
        if not reads:
            if self.final_reads:
                yield "there was no final read"
            return
        failed = sum(op.outcome != "ok" for op in reads)
        if failed:
            yield f"{failed} of {len(reads)} final reads did not succeed"
        if settled_ns is None:
            yield "the topology never settled"
        elif any(op.invoked_ns < settled_ns for op in reads):
            yield "final reads came before the topology settled"


def vacuity_guard(
    *,
    faults: Iterable[str],
    names: Iterable[str] = ("write",),
    expect_success_during: Iterable[str] = (),
    exposed_by: Mapping[str, ExposedBy] | None = None,
    final_reads: bool = True,
) -> VacuityGuard:
    """Unknown unless the run gave the claim a chance to fail; `faults=()` says that none is wanted."""
    return VacuityGuard(
        faults=tuple(faults),
        names=tuple(names),
        expect_success_during=tuple(expect_success_during),
        exposed_by=exposed_by or {},
        final_reads=final_reads,
    )


def healed_ns(history: History) -> int | None:
    """When the last fault ended; where an end is not on record, when the phase `settled`, or else `heal`, began."""
    ends = [fault.ended_ns for fault in history.faults if fault.ended_ns is not None]
    if len(ends) == len(history.faults):
        return max(ends)
    return history.phase_ns("settled") or history.phase_ns("heal")
