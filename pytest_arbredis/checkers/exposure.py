"""Exposure in a history: the operations that were attempted on a fault's target while it was in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Op

ExposedBy = Literal["target", "any", "after"]
"""`target`: operations attempted on the fault's nodes. `any`: operations that were applied while it was in force, for
faults on nodes that no client talks to. `after`: operations that were applied since it began, for what is over at once
and changes the topology."""

EXPOSED_BY: dict[str, ExposedBy] = {"replication_cut": "any", "restart": "after"}
"""Faults on nodes that are replicas, to which a client of the primary sends nothing; the others: `target`."""


def exposed(history: History, fault: FaultRecord, names: Sequence[str], *, by: ExposedBy) -> tuple[Op, ...]:
    """The operations of these names that met the fault.

    Where no operation tells which nodes it tried, one counts that was in flight while the fault was in force and shows
    its effect: not answered `ok`, or slower than all before the first fault.
    """
    ops = [op for op in history.named(*names) if op.sent]
    if by == "after":
        return tuple(op for op in ops if op.applied and op.completed_ns is not None and op.invoked_ns >= fault.began_ns)
    if by == "any":
        return tuple(op for op in ops if op.applied and op.completed_ns is not None and _within(op.completed_ns, fault))
    in_force = [op for op in ops if _overlaps(op, fault)]
    nodes = set(fault.nodes)
    met = [op for op in in_force if op.node in nodes or nodes & set(_tried(op))]
    if not met and not any("tried" in op.meta for op in ops):
        slowest = _slowest_before(ops, min(record.began_ns for record in history.faults))
        met = [op for op in in_force if op.outcome != "ok" or (slowest is not None and _duration(op) > slowest)]
    return tuple(met)


def _tried(op: Op) -> list[str]:
    tried = op.meta.get("tried")
    return [str(node) for node in tried] if isinstance(tried, list) else []


def _within(at_ns: int, fault: FaultRecord) -> bool:
    return at_ns >= fault.began_ns and (fault.ended_ns is None or at_ns <= fault.ended_ns)


def _overlaps(op: Op, fault: FaultRecord) -> bool:
    began_in_time = fault.ended_ns is None or op.invoked_ns <= fault.ended_ns
    return began_in_time and (op.completed_ns is None or op.completed_ns >= fault.began_ns)


def _slowest_before(ops: Sequence[Op], before_ns: int) -> int | None:
    return max(
        (_duration(op) for op in ops if op.completed_ns is not None and op.completed_ns < before_ns), default=None
    )


def _duration(op: Op) -> int:
    return 0 if op.completed_ns is None else op.completed_ns - op.invoked_ns
