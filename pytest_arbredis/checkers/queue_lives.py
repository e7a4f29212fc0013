"""What became of each value of a queue: when it went in, when it first came out, and what is known of neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.effects import applied_by_ns, completed_by_ns, may_apply
from pytest_arbredis.checkers.elements import element, given
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pytest_arbredis.history.records import Json, Op


@dataclass(slots=True, kw_only=True)
class Life:
    """The operations on one value, each tuple by invocation.

    Enqueues that may have taken effect; `refused` ones, that certainly did not; dequeues that gave it; applied acks.
    """

    value: Json
    enqueues: tuple[Op, ...] = ()
    refused: tuple[Op, ...] = ()
    dequeues: tuple[Op, ...] = ()
    acks: tuple[Op, ...] = ()

    @property
    def from_ns(self) -> int:
        """Before this it was not in the queue."""
        return self.enqueues[0].invoked_ns if self.enqueues else NEVER

    @property
    def in_by_ns(self) -> int:
        """From here on it was in the queue or had left it. Of a value enqueued more than once nothing is certain."""
        return applied_by_ns(self.enqueues[0]) if len(self.enqueues) == 1 else NEVER

    @property
    def out_from_ns(self) -> int:
        """Before this no successful dequeue gave it."""
        return self.dequeues[0].invoked_ns if self.dequeues else NEVER

    @property
    def out_by_ns(self) -> int:
        """From here on it had been given, if it ever was: nothing is given after its ack."""
        if not self.dequeues:
            return NEVER
        return min(map(completed_by_ns, (*self.dequeues, *self.acks)))


@dataclass(slots=True, kw_only=True)
class Queue:
    """One queue: its values, dequeues that found it empty, and when unknown dequeues were invoked (sorted).

    `acked`: a value may be given again until it is acknowledged.
    """

    key: str | None
    acked: bool
    lives: dict[Hashable, Life] = field(default_factory=dict)
    empties: list[Op] = field(default_factory=list)
    unknown: list[Op] = field(default_factory=list)

    @classmethod
    def of(cls, key: str | None, ops: Iterable[Op], *, acked: bool) -> Queue:
        """The queue of these operations, which come by invocation."""
        self = cls(key=key, acked=acked)
        for op in ops:
            if op.name == "enqueue":
                self._enqueue(op)
            elif op.name == "ack":
                if acked and op.applied:
                    self._life(given(op), op.input).acks += (op,)
            elif op.applied:  # also without the confirmations that were wanted: it was answered, so it took no more
                if op.output is None:
                    self.empties.append(op)
                else:
                    self._life(element(op.output), op.output).dequeues += (op,)
            elif may_apply(op):
                self.unknown.append(op)
        return self

    @property
    def judged(self) -> int:
        """The successful dequeues."""
        return len(self.empties) + sum(len(life.dequeues) for life in self.lives.values())

    @property
    def acknowledged(self) -> int:
        """The acknowledged enqueues."""
        return sum(op.applied for life in self.lives.values() for op in life.enqueues)

    def fixed(self, life: Life) -> bool:
        """Whether no unknown dequeue can have given it first: it was given, and is given once."""
        return bool(life.dequeues) and not self.acked

    def _enqueue(self, op: Op) -> None:
        if may_apply(op):
            self._life(given(op), op.input).enqueues += (op,)
        elif op.input is not None:
            self._life(given(op), op.input).refused += (op,)

    def _life(self, of: Hashable, value: Json) -> Life:
        life = self.lives.get(of)
        if life is None:
            life = self.lives[of] = Life(value=value)
        return life
