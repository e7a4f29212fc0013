"""Tasks that are acknowledged by their consumers: each is done in the end, or still there; none is done again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.effects import by_key, completed_by_ns, may_apply
from pytest_arbredis.checkers.elements import element, elements_of
from pytest_arbredis.checkers.losses import CRASHES
from pytest_arbredis.checkers.violations import Judged, Violation, apart, malformed, shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op

LAG_NS = 50 * NS_PER_MS
"""How far a replica may lag that follows: what was acknowledged so long before it was cut off may be lost with it."""


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

    With `undone_since` a failover may undo what no replica had: an enqueue or an ack that was answered after the last
    fault called so began (or 50 ms before: replicas lag), and invoked before the crash that followed. What was told
    before and after that is judged as ever.

    Unknown without a successful ack or `left`, if an ack without a reply does not say of what, and without the fault
    `undone_since` or a crash after it. The proof is the operations on the value, and the `left` that does not have it.
    """

    within_ms: float | None = None
    undone_since: str | None = None

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
        undone = None
        if self.undone_since is not None:
            undone = _Undone.of(history, self.undone_since)
            if undone is None:
                undecided.append(f"there is no {self.undone_since} with a crash after it")
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


def tasks_are_done(*, within_ms: float | None = None, undone_since: str | None = None) -> TasksAreDone:
    """Every acknowledged task is done in the end, or still there; none is given after that, or stale."""
    return TasksAreDone(within_ms=within_ms, undone_since=undone_since)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Undone:
    """When that was told which a failover may undo."""

    from_ns: int
    until_ns: int

    @classmethod
    def of(cls, history: History, since: str) -> _Undone | None:
        began = max((fault.began_ns for fault in history.faults if fault.name == since), default=None)
        crashes = [fault.began_ns for fault in history.faults if fault.name in CRASHES]
        until = min((ns for ns in crashes if began is not None and ns >= began), default=None)
        return None if began is None or until is None else cls(from_ns=began - LAG_NS, until_ns=until)

    def has(self, op: Op) -> bool:
        """Whether it may be undone."""
        return completed_by_ns(op) >= self.from_ns and op.invoked_ns <= self.until_ns


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

    def violations(self, key: str | None, within_ms: float | None, undone: _Undone | None) -> Iterator[Violation]:
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
            kept = undone is None or not undone.has(life.enqueue)
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


def _again(key: str | None, life: _Life, undone: _Undone | None) -> Iterator[Violation]:
    acks = [op for op in life.acks if op.outcome == "ok" and (undone is None or not undone.has(op))]
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
