"""Sessions: whose operation it was, and that a client reads what it wrote itself."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.checkers.losses import find_losses, ids_of
from pytest_arbredis.checkers.precedence import came_before
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.versions import KeyVersions, versions_of
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

_Kind = Literal["kept", "violation", "lost", "undecided"]


def session_of(op: Op) -> Hashable:
    """The session of an operation: `meta.session`, or else its process."""
    named = op.meta.get("session")
    return op.process if named is None else ("session", identity_of(named))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadYourWrites:
    """A successful read of a key returns the last value that its own session was acknowledged, or a later one.

    A session is a process, or what `meta.session` names. Later may be: a write of another session that was not over
    before the own one began, and any write with an unknown outcome, unless a read had shown it before. Null and an
    older own value are violations, whatever the reason: at a failover acknowledged writes may be lost, and a session
    sees that. With `except_lost` a read that misses a write which the final reads miss too is counted as lost, and left
    to the durability checks; where the final reads cannot tell, it is undecided (unknown). Unknown if no session read a
    key that it had written. The proof is one such read, the own write, and the write of the value that was read.
    """

    except_lost: bool = False
    names: tuple[str, ...] = ("read",)

    @property
    def claim(self) -> str:
        """`read_your_writes`."""
        return "read_your_writes"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        reads = history.named(*self.names)
        versions = versions_of(history, reads)
        own_writes = _own_writes(history)
        lost: set[int] = set()
        survived: set[int] = set()
        if self.except_lost:
            losses = find_losses(history)
            lost, survived = ({op.id for op in ops} for ops in (losses.lost, losses.survived))
        found: dict[_Kind, list[tuple[Op, Op]]] = {"kept": [], "violation": [], "lost": [], "undecided": []}
        for read in reads:
            own = _last_own(read, own_writes.get((session_of(read), read.key), ()))
            if read.outcome != "ok" or own is None:
                continue
            kind: _Kind
            if _may_give(read, own, versions[read.key]):
                kind = "kept"
            elif not self.except_lost or own.id in survived:
                kind = "violation"
            else:
                kind = "lost" if own.id in lost else "undecided"
            found[kind].append((read, own))
        return self._finding(found, versions)

    def _finding(self, found: dict[_Kind, list[tuple[Op, Op]]], versions: dict[str | None, KeyVersions]) -> Finding:
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
        proof: tuple[int, ...] = ()
        for read, own in (violations or undecided or found["lost"])[:1]:
            given = versions[read.key].of(read.output)
            source = given.shown_before(own.invoked_ns) if given else ()
            proof = (*(op.id for op in source if op.invoked_ns <= read.invoked_ns), own.id, read.id)[-10:]
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=proof,
            figures={
                "judged": count,
                "violations": len(violations),
                "missed_lost": len(found["lost"]),
                "undecided": len(undecided),
                "violation_ids": ids_of(read for read, _ in violations),
            },
        )


def read_your_writes(*, except_lost: bool = False, names: Iterable[str] = ("read",)) -> ReadYourWrites:
    """A successful read of a key returns the last value that its own session was acknowledged, or a later one."""
    return ReadYourWrites(except_lost=except_lost, names=tuple(names))


def _own_writes(history: History) -> dict[tuple[Hashable, str | None], list[tuple[Op, Op]]]:
    """The acknowledged writes by session and key, by completion; with each the one of those so far invoked last."""
    completed: dict[tuple[Hashable, str | None], list[Op]] = defaultdict(list)
    for op in history.named("write"):
        if op.applied and op.completed_ns is not None:
            completed[session_of(op), op.key].append(op)
    own: dict[tuple[Hashable, str | None], list[tuple[Op, Op]]] = {}
    for where, writes in completed.items():
        writes.sort(key=lambda op: (op.completed_ns or 0, op.id))
        own[where] = list(zip(writes, accumulate(writes, _invoked_later), strict=True))
    return own


def _invoked_later(one: Op, other: Op) -> Op:
    return max(one, other, key=lambda op: (op.invoked_ns, op.id))


def _last_own(read: Op, own: Sequence[tuple[Op, Op]]) -> Op | None:
    """The write of the reader's session that was invoked last, of those acknowledged before the read."""
    index = bisect_right(own, read.invoked_ns, key=lambda pair: pair[0].completed_ns or 0)
    while index and not came_before(own[index - 1][0], read):
        index -= 1
    return own[index - 1][1] if index else None


def _may_give(read: Op, own: Op, versions: KeyVersions) -> bool:
    """Whether the value that was read is that of the own write, or of one that may have taken effect after it."""
    version = versions.of(read.output)
    if version is None:
        return False
    until_ns = read.invoked_ns if read.completed_ns is None else read.completed_ns
    if version.single and version.over_ns < own.invoked_ns:
        return False
    return any(
        op.id == own.id or (op.invoked_ns <= until_ns and not (op.applied and came_before(op, own)))
        for op in version.writes
    )
