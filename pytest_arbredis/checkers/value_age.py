"""How old a value is when a reader gets it: what expires must not be served beyond its time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.versions import NEVER, versions_of
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesExpire:
    """No read gives a value that had certainly been there for more than `max_ms` when the read completed.

    A value is certainly there when its write has completed, or when a read that gave it has. Null is no value. The
    time that the reply took counts: whoever gets it cannot know. The final reads do not count, nor does a value that
    nobody wrote: that is another claim's business.

    Unknown if no read of the load came more than `max_ms` after a write of its key had completed: none could have
    given a value that is too old. The proof is the oldest value's read, and what shows that the value was there.
    """

    max_ms: float
    names: tuple[str, ...] = ("read",)

    def __post_init__(self) -> None:
        """Refuse a bound that every read would break."""
        if not self.max_ms >= 0:
            raise UsageError(f"max_ms={self.max_ms!r}", remedy="give milliseconds, 0 or more")

    @property
    def claim(self) -> str:
        """`values_expire`."""
        return "values_expire"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        reads = [op for op in history.named(*self.names) if op.outcome == "ok" and not op.is_final]
        versions = versions_of(history, [op for op in reads if op.output is not None])
        max_ns = self.max_ms * NS_PER_MS
        first_ns: dict[str | None, int] = {}
        for op in history.named("write"):
            if op.applied and op.completed_ns is not None:
                first_ns[op.key] = min(op.completed_ns, first_ns.get(op.key, op.completed_ns))
        old: list[tuple[int, Op, tuple[int, ...]]] = []
        given = could_be_old = 0
        for read in reads:
            if read.completed_ns is None:
                continue
            could_be_old += read.key in first_ns and read.completed_ns - first_ns[read.key] > max_ns
            version = versions[read.key].of(read.output) if read.output is not None and read.key in versions else None
            if version is None or version.over_ns == NEVER or not version.writes:
                continue
            given += 1
            age_ns = read.completed_ns - version.over_ns
            if age_ns > max_ns:
                shown = {read.id, *(op.id for op in version.writes)}
                if version.seen_by is not None:
                    shown.add(version.seen_by.id)
                old.append((age_ns, read, tuple(sorted(shown))))
        verdict = Verdict.INVALID if old else Verdict.VALID if could_be_old else Verdict.UNKNOWN
        summary = (
            f"{given} values were given within {self.max_ms:g} ms; {could_be_old} reads could have given older ones"
        )
        if old:
            worst_ms = max(age_ns for age_ns, _, _ in old) / NS_PER_MS
            summary = (
                f"{len(old)} of {given} values were older than {self.max_ms:g} ms when given, up to {worst_ms:.0f} ms"
            )
        elif not could_be_old:
            summary = f"no read came more than {self.max_ms:g} ms after a write of its key"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=max(old, key=lambda one: one[0])[2][:10] if old else (),
            figures={
                "given": given,
                "could_be_old": could_be_old,
                "too_old": len(old),
                "too_old_ids": ids_of(read for _, read, _ in old),
            },
        )


def values_expire(*, max_ms: float, names: Iterable[str] = ("read",)) -> ValuesExpire:
    """No read gives a value that had certainly been there for more than `max_ms` when the read completed."""
    return ValuesExpire(max_ms=max_ms, names=tuple(names))
