"""Keys that must stay: what was written is never absent, because eviction takes a key without any error."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.precedence import came_before
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyIsNeverEvicted:
    """No read, a final one included, finds a key absent (null) after a write of it was acknowledged.

    Judged are the keys given, or all that were written (operations called `write` or one of `writes`) and that nobody
    deletes or lets expire: a key with an operation called one of `removes` (unless it failed), or with a write whose
    `meta.ttl_ms` is set, is left out. A key that was lost at a failover is absent as well: the claim does not ask why.

    Unknown if no such key was read after a write of it was acknowledged, or a key of `keys` never was. The proof is the
    write and the read.
    """

    keys: tuple[str, ...] = ()
    writes: tuple[str, ...] = ("write",)
    reads: tuple[str, ...] = ("read",)
    removes: tuple[str, ...] = ("delete", "expire")

    @property
    def claim(self) -> str:
        """`key_is_never_evicted`."""
        return "key_is_never_evicted"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        removed = {op.key for op in history.named(*self.removes) if op.outcome != "fail" or op.applied}
        removed |= {op.key for op in history.named(*self.writes) if op.meta.get("ttl_ms") is not None}
        first: dict[str | None, Op] = {}
        for op in sorted(history.named(*self.writes), key=lambda op: (op.completed_ns or 0, op.id)):
            if op.applied and op.key not in removed and (not self.keys or op.key in self.keys):
                first.setdefault(op.key, op)
        judged: dict[str | None, int] = defaultdict(int)
        absent: list[Op] = []
        for read in (*history.named(*self.reads), *history.final_reads()):
            if read.outcome == "ok" and read.key in first and came_before(first[read.key], read):
                judged[read.key] += 1
                absent += [read] if read.output is None else []
        gone = {read.key for read in absent}
        unread = sorted(set(self.keys) - {key for key in judged if key is not None})
        verdict = Verdict.VALID
        summary = f"{len(judged)} keys were there in {sum(judged.values())} reads after their first write"
        if absent:
            verdict = Verdict.INVALID
            summary = f"{len(gone)} of {len(judged)} keys were absent after a write of them had been acknowledged"
        elif unread:
            verdict, summary = Verdict.UNKNOWN, f"{', '.join(unread)}: not read after an acknowledged write"
        elif not judged:
            verdict, summary = Verdict.UNKNOWN, "no key was read after an acknowledged write that nobody removes"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(op.id for read in absent[:1] for op in (first[read.key], read)),
            figures={
                "keys": len(judged),
                "reads": sum(judged.values()),
                "absent_keys": len(gone),
                "left_out": len(removed),
                "absent_ids": ids_of(absent),
            },
        )


def key_is_never_evicted(
    *,
    keys: Iterable[str] = (),
    writes: Iterable[str] = ("write",),
    reads: Iterable[str] = ("read",),
    removes: Iterable[str] = ("delete", "expire"),
) -> KeyIsNeverEvicted:
    """No read, a final one included, finds a key absent after a write of it was acknowledged."""
    return KeyIsNeverEvicted(keys=tuple(keys), writes=tuple(writes), reads=tuple(reads), removes=tuple(removes))
