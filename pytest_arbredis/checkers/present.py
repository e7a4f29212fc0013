"""Keys that must stay: what was written is never absent, because eviction takes a key without any error."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.precedence import came_before
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIsNeverEvicted:
    """No read, a final one included, finds a key absent (null) after a write of it was acknowledged.

    Judged are the keys given, or all that were written (operations called `write` or one of `writes`) and that nobody
    deletes or lets expire: a key with an operation called one of `removes` (unless it failed), or with a write whose
    `meta.ttl_ms` is set, is left out. A key that was lost at a failover is absent as well: the claim does not ask why.

    With `within_ms` keys may go once nobody wrote them for so long: judged are reads that completed no later than that
    after the last acknowledged write before them had been invoked.

    Unknown if no such key was read after a write of it was acknowledged, or a key of `keys` never was. The proof is the
    write and the read.
    """

    keys: tuple[str, ...] = ()
    writes: tuple[str, ...] = ("write",)
    reads: tuple[str, ...] = ("read",)
    removes: tuple[str, ...] = ("delete", "expire")
    within_ms: float | None = None

    def __post_init__(self) -> None:
        if self.within_ms is not None and not self.within_ms > 0:
            raise UsageError(f"within_ms={self.within_ms!r}", remedy="give milliseconds above 0, or None for ever")

    @property
    def claim(self) -> str:
        """`key_is_never_evicted`."""
        return "key_is_never_evicted"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        removed = {op.key for op in history.named(*self.removes) if op.outcome != "fail" or op.applied}
        removed |= {op.key for op in history.named(*self.writes) if op.meta.get("ttl_ms") is not None}
        writes: dict[str | None, list[Op]] = defaultdict(list)
        for op in sorted(history.named(*self.writes), key=lambda op: (op.completed_ns or 0, op.id)):
            if op.applied and op.key not in removed and (not self.keys or op.key in self.keys):
                writes[op.key].append(op)
        judged: dict[str | None, int] = defaultdict(int)
        absent: list[tuple[Op, Op]] = []
        for read in (*history.named(*self.reads), *history.final_reads()):
            write = self._of(read, writes.get(read.key, [])) if read.outcome == "ok" else None
            if write is not None:
                judged[read.key] += 1
                absent += [(write, read)] if read.output is None else []
        gone = {read.key for _, read in absent}
        unread = sorted(set(self.keys) - {key for key in judged if key is not None})
        verdict = Verdict.VALID
        when = "after their first write" if self.within_ms is None else f"within {self.within_ms:g} ms of a write"
        summary = f"{len(judged)} keys were there in {sum(judged.values())} reads {when}"
        if absent:
            verdict = Verdict.INVALID
            summary = f"{len(gone)} of {len(judged)} keys were absent after a write of them had been acknowledged"
            if self.within_ms is not None:
                summary += f", less than {self.within_ms:g} ms before"
        elif unread:
            verdict, summary = Verdict.UNKNOWN, f"{', '.join(unread)}: not read after an acknowledged write"
        elif not judged:
            verdict, summary = Verdict.UNKNOWN, "no key was read after an acknowledged write that nobody removes"
            if self.within_ms is not None:
                summary = f"no key that nobody removes was read within {self.within_ms:g} ms of an acknowledged write"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for pair in absent[:1] for op in pair),
            figures={
                "keys": len(judged),
                "reads": sum(judged.values()),
                "absent_keys": len(gone),
                "left_out": len(removed),
                "absent_ids": ids_of(read for _, read in absent),
            },
        )

    def _of(self, read: Op, writes: Sequence[Op]) -> Op | None:
        """The write for which the key must be there; `writes` are those that were acknowledged, in that order."""
        if self.within_ms is None:
            return writes[0] if writes and came_before(writes[0], read) else None
        least_ns = (read.invoked_ns if read.completed_ns is None else read.completed_ns) - self.within_ms * NS_PER_MS
        before = (op for op in reversed(writes) if came_before(op, read) and op.invoked_ns >= least_ns)
        return next(before, None)


def key_is_never_evicted(
    *,
    keys: Iterable[str] = (),
    writes: Iterable[str] = ("write",),
    reads: Iterable[str] = ("read",),
    removes: Iterable[str] = ("delete", "expire"),
    within_ms: float | None = None,
) -> KeyIsNeverEvicted:
    """No read, a final one included, finds a key absent after a write of it was acknowledged."""
    names = {"keys": tuple(keys), "writes": tuple(writes), "reads": tuple(reads), "removes": tuple(removes)}
    return KeyIsNeverEvicted(**names, within_ms=within_ms)
