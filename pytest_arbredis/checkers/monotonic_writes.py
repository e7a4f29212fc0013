"""Monotonic writes: the writes of a session take effect in the order in which it made them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.precedence import came_before
from pytest_arbredis.checkers.sessions import session_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.versions import Version, versions_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

_Sighting = tuple["Op", "Op", Version]  # the read, the write of its value, and that value


@dataclass(frozen=True, slots=True, kw_only=True)
class MonotonicWrites:
    """No observer that has seen a write of a session sees an older write of that session to the same key afterwards.

    A session is a process, or what `meta.session` names. An observer is the node that answered the reads, whoever asked
    (a node's data has one order, while a session that is sent from one replica to another sees two); reads that do not
    say which node answered are observed by their own session. Only an older write that was over before the newer one
    began counts: one with an unknown outcome may take effect late. A node that is rolled back at a failover breaks the
    guarantee as well.

    Unknown unless some observer read, after a write of a session, a write of the same session again. The proof is the
    two writes and the two reads.
    """

    names: tuple[str, ...] = ("read",)

    @property
    def claim(self) -> str:
        """`monotonic_writes`."""
        return "monotonic_writes"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        reads = [op for op in (*history.named(*self.names), *history.final_reads()) if op.outcome == "ok"]
        reads.sort(key=lambda op: (op.invoked_ns, op.id))
        versions = versions_of(history, reads)
        seen: dict[tuple[str | None, Hashable, Hashable], list[_Sighting]] = defaultdict(list)
        for read in reads:
            version = versions[read.key].of(read.output) if read.key in versions else None
            if version is not None and version.single and version.writes:
                write = version.writes[0]
                seen[read.key, _observer(read), session_of(write)].append((read, write, version))
        found = [_pairs(sightings) for sightings in seen.values()]
        pairs = [pair for of_observer, _ in found for pair in of_observer]
        several = any(of_several for _, of_several in found)
        reversed_ = [(first, then) for first, then in pairs if _is_older(then, first)]
        if reversed_:
            verdict = Verdict.INVALID
            summary = f"{len(reversed_)} of {len(pairs)} reads gave a session's older write after its newer one"
        elif not several:
            verdict, summary = Verdict.UNKNOWN, "nobody read two writes of one session to one key"
        else:
            verdict = Verdict.VALID
            summary = f"the writes of each session were seen in their order ({len(pairs)} reads judged)"
        proof = {op.id for first, then in reversed_[:1] for op in (*first[:2], *_shown_older(then, first))}
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(sorted(proof)),
            figures={
                "judged": len(pairs),
                "violations": len(reversed_),
                "violation_ids": ids_of(then[0] for _, then in reversed_),
            },
        )


def monotonic_writes(*, names: Iterable[str] = ("read",)) -> MonotonicWrites:
    """No observer that has seen a write of a session sees an older write of that session to the same key afterwards."""
    return MonotonicWrites(names=tuple(names))


def _observer(read: Op) -> Hashable:
    return ("node", read.node) if read.node is not None else ("session", session_of(read))


def _pairs(sightings: list[_Sighting]) -> tuple[list[tuple[_Sighting, _Sighting]], bool]:
    """Each read with the one over before it that gave the session's newest write; and whether any gave two writes."""
    by_end = sorted(sightings, key=lambda sighting: sighting[0].completed_ns or 0)
    pairs = []
    newest: _Sighting | None = None
    done = 0
    several = False
    before: set[int] = set()
    for sighting in sightings:
        while done < len(by_end) and came_before(by_end[done][0], sighting[0]):
            if newest is None or by_end[done][1].invoked_ns > newest[1].invoked_ns:
                newest = by_end[done]
            before.add(by_end[done][1].id)
            done += 1
        if newest is not None:
            pairs.append((newest, sighting))
            several = several or before != {sighting[1].id}
    return pairs, several


def _shown_older(one: _Sighting, other: _Sighting) -> tuple[Op, ...]:
    """The read and the write of the one, and what shows that it was over before the other began."""
    by_session = one[1].applied and came_before(one[1], other[1])
    return one[:2] if by_session else (one[0], *one[2].shown_before(other[2].began_ns))


def _is_older(one: _Sighting, other: _Sighting) -> bool:
    """Whether the write of the one was over before that of the other began."""
    if one[1] is other[1]:
        return False
    return one[2].over_ns < other[2].began_ns or (one[1].applied and came_before(one[1], other[1]))
