"""Tasks that are acknowledged by their consumers: each is done in the end, or still there; none is done again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.effects import by_key, completed_by_ns, may_apply
from pytest_arbredis.checkers.elements import element, elements_of
from pytest_arbredis.checkers.undone import Undone, undone_by_failovers
from pytest_arbredis.checkers.violations import Judged, Violation, apart, malformed, shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksAreDone:
    """Every acknowledged task is acknowledged as done in the end, or still there; none is given after that, or stale.

    `enqueue` of a value, or of an object with `value` and `valid_ms`; `dequeue` answers a value or null; `ack` answers
    the value that it acknowledged as done (null: the consumer had none), also where its own outcome is unknown; `left`
    answers a list of every value that is in the queue, given or not, or an object with these as `todo` and with others
    that were put `aside`. The last `left` decides what is lost: a value that is not in it and was not done, unless
    whoever was given it may have it still. With `within_ms` it also decides what is stuck: a value that is still to be
    done so long after its enqueue. Stale is a value that is given more than `valid_ms` after its enqueue was
    acknowledged.

    With `undone_by_failover` a failover may undo what no replica had: an enqueue or an ack that was answered when its
    primary may have had more, by replication offsets, than the node that was promoted. What was told before and after
    that is judged as ever.

    Unknown without a successful ack or `left`, if an ack without a reply does not say of what, and with
    `undone_by_failover` where no failover is on record. The proof is the operations on the value, and the `left` that
    does not have it.
    """

    within_ms: float | None = None
    undone_by_failover: bool = False

    def __post_init__(self) -> None:
        if self.within_ms is not None and not self.within_ms > 0:
            raise UsageError(f"within_ms={self.within_ms!r}", remedy="give milliseconds above 0, or None")

    @property
    def claim(self) -> str:
        """`tasks_are_done`."""
        return "tasks_are_done"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an enqueue of nothing."""
        violations: list[Violation] = []
        undecided: list[str] = []
        done = keys = acknowledged = judged_ops = 0
        undone = undone_by_failovers(history) if self.undone_by_failover else ()
        if self.undone_by_failover and not undone:
            undecided.append("no failover is on record, with replication offsets before it")
        for key, ops in by_key(history, ("enqueue", "dequeue", "ack", "left")).items():
            tasks = _Tasks.of(ops)
            judged_ops += len(ops)
            acks = sum(op.outcome == "ok" for task in tasks.lives.values() for op in task.acks)
            done += acks
            keys += acks > 0
            acknowledged += sum(task.enqueue is not None and task.enqueue.applied for task in tasks.lives.values())
            violations += tasks.violations(key, self.within_ms, undone)
            if tasks.left is None:
                undecided.append(f"it is not on record what is left in {shown(key)}")
            if tasks.unsaid:
                undecided.append(f"{tasks.unsaid} acks without a reply do not say of what")
        return Judged(
            claim=self.claim,
            noun="acks",
            count=done,
            keys=keys,
            acknowledged=acknowledged,
            ignored=len(history.ops) - judged_ops,
            violations=violations,
            undecided=undecided,
        ).finding()


def tasks_are_done(*, within_ms: float | None = None, undone_by_failover: bool = False) -> TasksAreDone:
    """Every acknowledged task is done in the end, or still there; none is given after that, or stale."""
    return TasksAreDone(within_ms=within_ms, undone_by_failover=undone_by_failover)


@dataclass(slots=True, kw_only=True)
class _Life:
    """What became of one value."""

    value: Json
    enqueue: Op | None = None
    valid_ns: int | None = None
    dequeues: list[Op] = field(default_factory=list)
    acks: list[Op] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Tasks:
    """One queue."""

    lives: dict[Hashable, _Life] = field(default_factory=dict)
    left: Op | None = None
    unsaid: int = 0
    last_of: dict[int, Op] = field(default_factory=dict)
    """The last dequeue of each process: whoever takes another task has given up the one before."""

    @classmethod
    def of(cls, ops: list[Op]) -> _Tasks:
        self = cls()
        for op in ops:
            if op.name == "enqueue":
                self._enqueue(op)
            elif op.name == "left":
                self.left = op if op.outcome == "ok" else self.left
            elif op.output is not None:
                life = self._life(op.output)
                if op.name == "dequeue":
                    life.dequeues.append(op)
                elif may_apply(op):
                    life.acks.append(op)
            elif op.name == "ack" and op.outcome == "unknown":
                self.unsaid += 1
            if op.name == "dequeue" and op.sent:
                self.last_of[op.process] = op
        return self

    def _enqueue(self, op: Op) -> None:
        value, valid_ms = op.input, None
        if isinstance(op.input, dict):
            value, valid_ms = op.input.get("value"), op.input.get("valid_ms")
        if value is None:
            raise malformed(op, "there is no value", remedy="give what it enqueues as `input`")
        if may_apply(op):
            life = self._life(value)
            life.enqueue = op
            life.valid_ns = round(valid_ms * NS_PER_MS) if isinstance(valid_ms, int | float) else None

    def _life(self, value: Json) -> _Life:
        return self.lives.setdefault(element(value), _Life(value=value))

    def violations(self, key: str | None, within_ms: float | None, undone: Sequence[Undone]) -> Iterator[Violation]:
        """All that is wrong with any value."""
        todo, aside = _left(self.left)
        for of, life in self.lives.items():
            if life.enqueue is None:
                if life.dequeues:
                    what = f"dequeue {life.dequeues[0].id} of {shown(key)} gave {shown(life.value)}, never enqueued"
                    yield Violation(kind="given but not enqueued", what=what, ops=(life.dequeues[0],))
                continue
            yield from _again(key, life, undone)
            yield from _stale(key, life, life.enqueue)
            if self.left is not None and within_ms is not None and of in todo and not life.acks:
                yield from _stuck(key, life, life.enqueue, self.left, within_ms)
            kept = not any(one.has(life.enqueue) for one in undone)
            if (
                kept
                and self.left is not None
                and of not in todo | aside
                and self._is_lost(life, life.enqueue, self.left)
            ):
                how = "given and not done" if life.dequeues else "never given"
                what = f"{shown(life.value)} of {shown(key)} was enqueued, {how}, and is not there any more"
                yield Violation(kind="lost", what=what, ops=(life.enqueue, *life.dequeues[-1:], self.left))

    def _is_lost(self, life: _Life, enqueue: Op, left: Op) -> bool:
        """Whether nobody has it: it was there, was not done, and whoever was given it went on to another, or ended."""
        if not enqueue.applied or completed_by_ns(enqueue) >= left.invoked_ns or life.acks or self.unsaid:
            return False
        for op in life.dequeues:
            later = self.last_of.get(op.process)
            if completed_by_ns(op) >= left.invoked_ns or later is None or later.id == op.id:
                return False
        return True


def _left(op: Op | None) -> tuple[set[Hashable], set[Hashable]]:
    """The values that are still to be done, and those that were put aside."""
    if op is None or not isinstance(op.output, dict):
        return (set(), set()) if op is None else (set(elements_of(op)), set())
    todo, aside = op.output.get("todo"), op.output.get("aside")
    if not isinstance(todo, list) or not isinstance(aside, list):
        raise malformed(op, f"{shown(op.output)} is no inventory", remedy='answer {"todo": […], "aside": […]}')
    return {element(value) for value in todo}, {element(value) for value in aside}


def _stuck(key: str | None, life: _Life, enqueue: Op, left: Op, within_ms: float) -> Iterator[Violation]:
    if enqueue.applied and left.invoked_ns - completed_by_ns(enqueue) > within_ms * NS_PER_MS:
        yield Violation(
            kind="not done in time",
            what=f"{shown(life.value)} of {shown(key)} was still to be done "
            f"{apart(completed_by_ns(enqueue), left.invoked_ns)} after its enqueue",
            ops=(enqueue, left),
        )


def _again(key: str | None, life: _Life, undone: Sequence[Undone]) -> Iterator[Violation]:
    acks = [op for op in life.acks if op.outcome == "ok" and not any(one.has(op) for one in undone)]
    if not acks:
        return
    ack = min(acks, key=completed_by_ns)
    late = [op for op in life.dequeues if op.invoked_ns > completed_by_ns(ack)]
    if late:
        yield Violation(
            kind="given after it was done",
            what=f"dequeue {late[0].id} of {shown(key)} gave {shown(life.value)} again, "
            f"{apart(completed_by_ns(ack), late[0].invoked_ns)} after its ack",
            ops=(ack, late[0]),
        )


def _stale(key: str | None, life: _Life, enqueue: Op) -> Iterator[Violation]:
    if life.valid_ns is None or not enqueue.applied:
        return
    late = [op for op in life.dequeues if op.invoked_ns > completed_by_ns(enqueue) + (life.valid_ns or 0)]
    if late:
        yield Violation(
            kind="given though stale",
            what=f"dequeue {late[0].id} of {shown(key)} gave {shown(life.value)} "
            f"{apart(completed_by_ns(enqueue), late[0].invoked_ns)} after its enqueue, "
            f"valid for {life.valid_ns / NS_PER_MS:g} ms",
            ops=(enqueue, late[0]),
        )
