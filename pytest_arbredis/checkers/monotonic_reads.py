"""Monotonic reads: what a session has seen of a key it does not see undone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.precedence import came_before
from pytest_arbredis.checkers.sessions import session_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.version_order import Sighting, contradiction
from pytest_arbredis.checkers.versions import Version, versions_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class MonotonicReads:
    """The successive reads of a key in a session never give an older value than one that it had read before.

    A session is a process, or what `meta.session` names. A value is older than another if its write was over before the
    other's began; null is older than every value. Where no single pair shows it, the orders in which all sessions saw
    the values of a key, and the times of their writes, must fit into one order: two sessions that saw two values the
    other way round contradict each other. Losses at a failover break the guarantee as well: it does not ask why.

    Unknown if no session read a key again after it had seen a value, or if a value was read that nobody wrote (it has
    no place in the order). The proof is the two reads and the writes of their values.
    """

    names: tuple[str, ...] = ("read",)

    @property
    def claim(self) -> str:
        """`monotonic_reads`."""
        return "monotonic_reads"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        reads = [op for op in history.named(*self.names) if op.outcome == "ok"]
        versions = versions_of(history, reads)
        seen: dict[tuple[str | None, Hashable], list[tuple[Op, Version]]] = defaultdict(list)
        unplaced: list[Op] = []
        for read in reads:
            of_key = versions.get(read.key)
            version = of_key.of(read.output) if of_key else None
            if read.output is not None and (version is None or version.began_ns > _end(read)):
                unplaced.append(read)
            elif version is not None:
                seen[read.key, session_of(read)].append((read, version))
        judged = 0
        backwards: list[tuple[Op, Op, Version, Version]] = []
        for sightings in seen.values():
            pairs = _pairs(sightings)
            judged += len(pairs)
            backwards += [pair for pair in pairs if pair[3].over_ns < pair[2].began_ns]
        proof: list[int] = []
        verdict = Verdict.VALID
        summary = f"none of {judged} reads gave an older value than its session had read before"
        if backwards:
            earlier, later, newer, older = backwards[0]
            verdict = Verdict.INVALID
            shown = (earlier, later, *newer.writes, *older.shown_before(newer.began_ns))
            proof = sorted({op.id for op in shown})[:10]
            summary = f"{len(backwards)} of {judged} reads gave an older value than the session had read before"
        elif crossed := self._crossed(seen):
            verdict, proof = Verdict.INVALID, crossed
            summary = f"sessions saw the values of a key in orders that contradict each other ({judged} reads judged)"
        elif unplaced:
            verdict, proof = Verdict.UNKNOWN, [unplaced[0].id]
            summary = f"{len(unplaced)} reads gave a value that nobody had written: its age is not known"
        elif not judged:
            verdict, summary = Verdict.UNKNOWN, "no session read a key again after it had seen a value"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(proof),
            figures={
                "judged": judged,
                "violations": len(backwards),
                "contradictions": int(verdict is Verdict.INVALID and not backwards),
                "violation_ids": ids_of(later for _, later, _, _ in backwards),
                "values_nobody_wrote": len(unplaced),
            },
        )

    def _crossed(self, seen: dict[tuple[str | None, Hashable], list[tuple[Op, Version]]]) -> list[int]:
        """A proof that no one order of the values fits what all sessions saw, or nothing."""
        by_key: dict[str | None, list[Sighting]] = defaultdict(list)
        for (key, _), sightings in seen.items():
            single = [(read, version) for read, version in sightings if version.single]
            for (read, version), (later, after) in pairwise(single):
                if version is not after and came_before(read, later):
                    by_key[key].append(Sighting(first=version, then=after, reads=(read, later)))
        found = filter(None, map(contradiction, by_key.values()))
        return min((sorted(op.id for op in ops) for ops in found), key=len, default=[])[:10]


def monotonic_reads(*, names: Iterable[str] = ("read",)) -> MonotonicReads:
    """The successive reads of a key in a session never give an older value than one that it had read before."""
    return MonotonicReads(names=tuple(names))


def _pairs(sightings: list[tuple[Op, Version]]) -> list[tuple[Op, Op, Version, Version]]:
    """Each read with the one before it that saw the newest value: (earlier, later, newest before, given)."""
    by_end = sorted(sightings, key=lambda sighting: _end(sighting[0]))
    pairs = []
    best: tuple[Op, Version] | None = None
    done = 0
    for read, version in sightings:
        while done < len(by_end) and came_before(by_end[done][0], read):
            if by_end[done][1].writes and (best is None or by_end[done][1].began_ns > best[1].began_ns):
                best = by_end[done]
            done += 1
        if best is not None:
            pairs.append((best[0], read, best[1], version))
    return pairs


def _end(read: Op) -> int:
    return read.invoked_ns if read.completed_ns is None else read.completed_ns
