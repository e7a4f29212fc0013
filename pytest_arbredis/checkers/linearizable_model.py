"""Linearizability of an object of one's own: all that it takes is what the object does when nobody else is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.linearizable_findings import (
    MAX_MEMORY_BYTES,
    MAX_SECONDS,
    MAX_STEPS,
    Tally,
    checked_limits,
    finding_of,
    shown,
)
from pytest_arbredis.checkers.linearizable_proof import Proof, prove_model
from pytest_arbredis.checkers.search import Call, Limits
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.columns import NEVER
from pytest_arbredis.history.records import Op  # noqa: TC001 - as above

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The sequential specification of an object, as data.

    `step(state, op)` → (whether the operation may give its output in this state, the state after it). States are
    immutable and hashable. The output of an operation whose outcome is unknown is not known: `step` must not look at
    it. `names` are the object's operations; those in `reads` never change the state.
    """

    name: str
    names: frozenset[str]
    initial: Hashable
    step: Callable[[Hashable, Op], tuple[bool, Hashable]]
    reads: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse a model without operations."""
        if not self.names or not self.reads <= self.names:
            raise UsageError(
                f"model {self.name!r} with names={set(self.names)!r}, reads={set(self.reads)!r}",
                remedy="name all operations in `names`, and those that never change the state in `reads` too",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class IsLinearizable:
    """The operations of a model, on each key an object of its own, are linearizable.

    Unknown if no operation succeeded, or if the search ends at a limit: `max_steps` and `max_memory_bytes` for a key,
    `max_seconds` for all. Operations of other names are left out, and counted.
    """

    model: Model
    max_steps: int = MAX_STEPS
    max_seconds: float = MAX_SECONDS
    max_memory_bytes: int = MAX_MEMORY_BYTES

    def __post_init__(self) -> None:
        """Refuse what is no model, and limits that leave nothing to search with."""
        if not isinstance(self.model, Model):
            raise UsageError(
                f"{self.model!r} is no model",
                remedy="give a pytest_arbredis.checkers.linearizable_model.Model; "
                "what is known has a check of its own: linearizable_register, queue_is_fifo, …",
            )
        checked_limits(max_steps=self.max_steps, max_seconds=self.max_seconds, max_memory_bytes=self.max_memory_bytes)

    @property
    def claim(self) -> str:
        """`<model>_is_linearizable`."""
        return f"{self.model.name.replace('-', '_')}_is_linearizable"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        limits = Limits.of(steps=self.max_steps, memory_bytes=self.max_memory_bytes, seconds=self.max_seconds)
        how = "use more keys with fewer operations each, or raise max_steps, max_seconds or max_memory_bytes"
        tally: Tally[Op] = Tally(limits, how_to_decide=how)
        by_key: dict[str | None, list[Call[Op]]] = defaultdict(list)
        named = [op for op in history.ops if op.name in self.model.names]
        for op in named:
            call = _call(op, pure=op.name in self.model.reads)
            if call is not None:
                by_key[op.key].append(call)
        for key, calls in by_key.items():
            tally.judge(key, calls, initial=self.model.initial, step=self.model.step, prove=self._prove, told=_told)
        succeeded = sum(call.required for calls in by_key.values() for call in calls)
        told = f"{succeeded} operations of {len(by_key)} {'key' if len(by_key) == 1 else 'keys'} are linearizable"
        return finding_of(
            self.claim,
            violations=tally.violations,
            violating=tally.violating,
            undecided=tally.undecided,
            keys=len(by_key),
            vacuous="" if succeeded else f"no successful operation to judge among {len(named)}",
            valid=told,
            figures={"operations": len(named), "ignored": len(history.ops) - len(named), **tally.figures},
        )

    def _prove(self, calls: Sequence[Call[Op]], limits: Limits) -> Proof[Op]:
        return prove_model(calls, initial=self.model.initial, step=self.model.step, limits=limits)


def linearizable(
    model: Model,
    *,
    max_steps: int = MAX_STEPS,
    max_seconds: float = MAX_SECONDS,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
) -> IsLinearizable:
    """The operations of a model of one's own, on each key an object of its own, are linearizable."""
    return IsLinearizable(model=model, max_steps=max_steps, max_seconds=max_seconds, max_memory_bytes=max_memory_bytes)


def _call(op: Op, *, pure: bool) -> Call[Op] | None:
    """The call of an operation; None if it cannot have changed anything, or if what it read is not known."""
    applied = op.applied and op.completed_ns is not None
    if op.outcome == "ok" or (applied and not pure):
        return Call(op.id, op, op.invoked_ns, NEVER if op.completed_ns is None else op.completed_ns, applied, pure)
    if op.outcome == "fail" or pure:
        return None
    return Call(op.id, op, op.invoked_ns, NEVER, required=False)


def _told(call: Call[Op]) -> str:
    op = call.command
    said = " ".join([op.name] + ([] if op.input is None else [shown(op.input)]))
    return f"{said} → {shown(op.output)}" if call.pure or op.output is not None else said
