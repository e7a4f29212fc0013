"""Bounded staleness: how long a value had been replaced when a replica still gave it."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.versions import INITIAL, NEVER, KeyVersions, Version, end_ns, versions_of
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundedStaleness:
    """No read gives a value that had certainly been replaced more than `max_ms` before the read was invoked.

    A value is replaced when the first write that was invoked after its own write was over has completed, or has been
    read; null is replaced by the first write. So a staleness is never more than the true one. A value whose write has
    an unknown outcome may be younger than it looks: beyond the bound such a read is undecided. `nodes` restricts the
    reads to those that these nodes answered. The final reads do not count.

    With `wanted` (WAIT) only a write that so many replicas confirmed replaces a value, once that was acknowledged:
    others a failover may take back, also after they were read. So with `max_ms=0` no confirmed write is ever undone.

    Unknown if a read is undecided or gives a value that nobody wrote, or if no read could have broken the bound: none
    came more than `max_ms` after a key's first (confirmed) write. The proof is the stalest read, the write of its
    value, and the write that had replaced it.
    """

    max_ms: float
    names: tuple[str, ...] = ("read",)
    nodes: tuple[str, ...] = ()
    wanted: int = 0

    def __post_init__(self) -> None:
        """Refuse a bound that every read would break."""
        if not self.max_ms >= 0:
            raise UsageError(f"max_ms={self.max_ms!r}", remedy="give milliseconds, 0 or more")
        if type(self.wanted) is not int or self.wanted < 0:
            raise UsageError(f"wanted={self.wanted!r} replicas", remedy="use 0 (not asked) or more")

    @property
    def claim(self) -> str:
        """`bounded_staleness`."""
        return "bounded_staleness"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        answered = [op for op in history.named(*self.names) if op.outcome == "ok"]
        versions = versions_of(history, answered, wanted=self.wanted)
        stale: list[tuple[int, Op, Version, tuple[Op, ...]]] = []
        undecided: list[Op] = []
        foreign: list[Op] = []
        could_break = 0
        for read in answered:
            of_key = versions.get(read.key)
            if of_key is None or (self.nodes and read.node not in self.nodes):
                continue
            version = of_key.of(read.output)
            if version is None or (read.completed_ns is not None and version.began_ns > read.completed_ns):
                foreign.append(read)
                continue
            first = of_key.successor(INITIAL)
            could_break += first is not None and read.invoked_ns - first[0] > self._max_ns
            replaced = of_key.successor(version)
            stale_ns = 0 if replaced is None else max(0, read.invoked_ns - replaced[0])
            stale.append((stale_ns, read, version, () if replaced is None else replaced[1]))
            if stale_ns <= self._max_ns and self._may_be_beyond(read, version, of_key):
                undecided.append(read)
        return self._finding(stale, undecided, foreign, could_break)

    @property
    def _max_ns(self) -> float:
        return self.max_ms * NS_PER_MS

    def _may_be_beyond(self, read: Op, version: Version, of_key: KeyVersions) -> bool:
        """Whether the read would break the bound if its unknown write had taken effect before it was given up."""
        if all(end_ns(op) != NEVER for op in version.writes):
            return False
        given_up_ns = max(op.invoked_ns if op.completed_ns is None else op.completed_ns for op in version.writes)
        replaced = of_key.successor(Version(writes=version.writes, began_ns=version.began_ns, over_ns=given_up_ns))
        return replaced is not None and read.invoked_ns - replaced[0] > self._max_ns

    def _finding(
        self,
        stale: list[tuple[int, Op, Version, tuple[Op, ...]]],
        undecided: list[Op],
        foreign: list[Op],
        could_break: int,
    ) -> Finding:
        beyond = [one for one in stale if one[0] > self._max_ns]
        ages_ms = sorted(stale_ns / NS_PER_MS for stale_ns, _, _, _ in stale)
        worst_ms = f"{ages_ms[-1]:.3g} ms" if ages_ms else "-"
        count, proof = len(stale), []
        if beyond:
            verdict = Verdict.INVALID
            summary = f"{len(beyond)} of {count} reads were stale by more than {self.max_ms:g} ms, up to {worst_ms}"
            _, read, version, by = max(beyond, key=lambda one: one[0])
            shown = (*version.shown_before(min(op.invoked_ns for op in by)), *by, read)
            proof = sorted({op.id for op in shown})[:10]
        elif foreign:
            verdict, proof = Verdict.UNKNOWN, [foreign[0].id]
            summary = f"{len(foreign)} reads gave a value that nobody had written: its age is not known"
        elif undecided:
            verdict, proof = Verdict.UNKNOWN, [undecided[0].id]
            summary = (
                f"{len(undecided)} of {count} reads gave an unknown write's value, which may be older than allowed"
            )
        elif not could_break:
            verdict = Verdict.UNKNOWN
            first = f"first write that {self.wanted} replicas confirmed" if self.wanted else "first write"
            summary = f"none of {count} reads came more than {self.max_ms:g} ms after the {first} of its key"
        else:
            verdict = Verdict.VALID
            summary = f"{count} reads were stale by {worst_ms} at most ({self.max_ms:g} ms allowed)"
        figures: dict[str, Json] = {
            "judged": count,
            "could_break": could_break,
            "beyond": len(beyond),
            "undecided": len(undecided),
            "values_nobody_wrote": len(foreign),
            "beyond_ids": ids_of(read for _, read, _, _ in beyond),
        }
        if ages_ms:
            figures |= {
                "stale_p50_ms": ages_ms[ceil(len(ages_ms) * 0.5) - 1],
                "stale_p99_ms": ages_ms[ceil(len(ages_ms) * 0.99) - 1],
                "stale_max_ms": ages_ms[-1],
            }
        return Finding(claim=self.claim, verdict=verdict, summary=summary, proof=tuple(proof), figures=figures)


def bounded_staleness(
    *, max_ms: float, names: Iterable[str] = ("read",), nodes: Iterable[str] = (), wanted: int = 0
) -> BoundedStaleness:
    """No read gives a value that had certainly been replaced more than `max_ms` before the read was invoked."""
    return BoundedStaleness(max_ms=max_ms, names=tuple(names), nodes=tuple(nodes), wanted=wanted)
