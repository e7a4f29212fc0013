"""Sessions: a client reads what it wrote itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.checkers.losses import find_losses, ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

_Kind = Literal["kept", "violation", "lost", "undecided"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadYourWrites:
    """A successful read of a key returns the last value that its own process was acknowledged, or a later one.

    Later may be: a write by another process that was not over before the own one began, and any write with an unknown
    outcome. Null and an older own value are violations, whatever the reason: at a failover acknowledged writes may be
    lost, and a session sees that. With `except_lost` a read that misses a write which the final reads miss too is
    counted as lost, and left to the durability checks; where the final reads cannot tell, it is undecided (unknown).
    Unknown if no process read a key that it had written.
    """

    except_lost: bool = False
    names: tuple[str, ...] = ("read",)

    @property
    def claim(self) -> str:
        """`read_your_writes`."""
        return "read_your_writes"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        writes: dict[str | None, list[Op]] = defaultdict(list)
        for op in history.named("write"):
            if op.outcome != "fail" or op.applied:
                writes[op.key].append(op)
        losses = find_losses(history)
        lost, survived = ({op.id for op in ops} for ops in (losses.lost, losses.survived))
        found: dict[_Kind, list[Op]] = {"kept": [], "violation": [], "lost": [], "undecided": []}
        for read in history.named(*self.names):
            own = _last_own(read, writes[read.key]) if read.outcome == "ok" else None
            if own is None:
                continue
            kind: _Kind
            if any(read.output == op.input for op in _allowed(read, own, writes[read.key])):
                kind = "kept"
            elif not self.except_lost or own.id in survived:
                kind = "violation"
            else:
                kind = "lost" if own.id in lost else "undecided"
            found[kind].append(read)
        return self._finding(found)

    def _finding(self, found: dict[_Kind, list[Op]]) -> Finding:
        count = sum(map(len, found.values()))
        violations, undecided = found["violation"], found["undecided"]
        if violations:
            verdict, summary = Verdict.INVALID, f"{len(violations)} of {count} reads missed an own acknowledged write"
        elif undecided:
            verdict = Verdict.UNKNOWN
            summary = f"{len(undecided)} of {count} reads missed an own write that may have been lost"
        elif not found["kept"]:
            verdict, summary = Verdict.UNKNOWN, "no read of an own acknowledged write to judge"
        else:
            verdict, summary = Verdict.VALID, f"{len(found['kept'])} of {count} reads gave the own write or a later one"
        if found["lost"]:
            summary += f"; {len(found['lost'])} missed a write that was lost"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for op in (violations or undecided or found["lost"])[:10]),
            figures={
                "judged": count,
                "violations": len(violations),
                "missed_lost": len(found["lost"]),
                "undecided": len(undecided),
                "violation_ids": ids_of(violations),
            },
        )


def read_your_writes(*, except_lost: bool = False, names: tuple[str, ...] = ("read",)) -> ReadYourWrites:
    """A successful read of a key returns the last value that its own process was acknowledged, or a later one."""
    return ReadYourWrites(except_lost=except_lost, names=names)


def _last_own(read: Op, writes: Iterable[Op]) -> Op | None:
    """The last write of the reader's process that was acknowledged before the read."""
    own = [
        op
        for op in writes
        if op.process == read.process and op.applied and op.completed_ns is not None
        if op.completed_ns <= read.invoked_ns
    ]
    return max(own, key=lambda op: op.invoked_ns, default=None)


def _allowed(read: Op, own: Op, writes: Iterable[Op]) -> list[Op]:
    """The writes whose value the read may give: the own one, and all that may have taken effect after it."""
    until_ns = read.invoked_ns if read.completed_ns is None else read.completed_ns
    return [
        op
        for op in writes
        if op.id == own.id or (op.invoked_ns <= until_ns and not _surely_over(op, before_ns=own.invoked_ns))
    ]


def _surely_over(op: Op, *, before_ns: int) -> bool:
    return op.applied and op.completed_ns is not None and op.completed_ns <= before_ns
