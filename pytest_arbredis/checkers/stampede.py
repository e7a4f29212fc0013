"""Stampedes: how many loads of one key a database has under way at a time, while the cache before it is there."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """One load of a key."""

    key: str
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoStampede:
    """A database never has more than `at_once` loads of one key under way, of those that begin while the cache serves.

    Loads are notes (`{"kind": "load", "key", "began_ns", "ended_ns"}`) of whatever stands before the database. The
    cache does not serve while a fault is in force, and is given `settle_ms` after its end. A write of the key makes a
    load under way useless, and another one right: each write that was under way between the first begin and the last
    of such loads, or had ended at most `settle_ms` before, allows one more.

    Unknown without such loads, or, if there were faults, without one after the last of them. There are no operations
    that prove it: the lines say which loads did.
    """

    at_once: int = 1
    settle_ms: float = 0.0

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if type(self.at_once) is not int or self.at_once < 1 or not self.settle_ms >= 0:
            raise UsageError(
                f"at_once={self.at_once!r}, settle_ms={self.settle_ms!r}", remedy="1 load or more, 0 ms or more"
            )

    @property
    def claim(self) -> str:
        """`no_stampede`."""
        return "no_stampede"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        settle_ns = int(self.settle_ms * NS_PER_MS)
        away = [(fault.began_ns, fault.ended_ns) for fault in history.faults]
        every = loads_of(history)
        judged = [
            load
            for load in every
            if not any(
                began <= load.began_ns and (ended is None or load.began_ns <= ended + settle_ns)
                for began, ended in away
            )
        ]
        by_key: dict[str, list[Loaded]] = defaultdict(list)
        for load in judged:
            by_key[load.key].append(load)
        written: dict[str, list[Op]] = defaultdict(list)
        for op in history.named("write"):
            written[op.key or ""].append(op)
        crowds = {key: _largest_crowd(loads, written[key], settle_ns) for key, loads in by_key.items()}
        too_many = {key: crowd for key, (excess, crowd) in crowds.items() if excess > self.at_once}
        most = max((excess for excess, _ in crowds.values()), default=0)
        last_ns = max((ended for _, ended in away if ended is not None), default=None)
        verdict, summary = Verdict.VALID, f"{len(judged)} loads of {len(by_key)} keys, {most} of a key at once at most"
        if too_many:
            verdict = Verdict.INVALID
            summary = (
                f"{most} loads of one key were under way at once ({self.at_once} allowed); of {len(too_many)} keys"
            )
        elif not judged:
            verdict, summary = Verdict.UNKNOWN, f"no load was seen while the cache served ({len(every)} in all)"
        elif last_ns is not None and not any(load.began_ns > last_ns for load in judged):
            verdict, summary = Verdict.UNKNOWN, "no load was seen after the last fault"
        worst = sorted(too_many.values(), key=len, reverse=True)[:3]
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            figures={"loads": len(every), "judged": len(judged), "at_once": most, "keys_beyond": len(too_many)},
            lines=tuple(
                f"{crowd[0].key}: {len(crowd)} loads at {max(load.began_ns for load in crowd) / NS_PER_MS:.1f} ms"
                for crowd in worst
            ),
        )


def no_stampede(*, at_once: int = 1, settle_ms: float = 0.0) -> NoStampede:
    """A database never has more than `at_once` loads of a key under way, of those that begin while the cache serves."""
    return NoStampede(at_once=at_once, settle_ms=settle_ms)


def loads_of(history: History) -> tuple[Loaded, ...]:
    """All loads that were noted, by when they began."""
    found = [
        Loaded(
            key=str(event.data["key"]),
            began_ns=cast("int", event.data["began_ns"]),
            ended_ns=cast("int", event.data["ended_ns"]),
        )
        for event in history.events
        if event.name == "note" and event.data.get("kind") == "load"
    ]
    return tuple(sorted(found, key=lambda load: (load.began_ns, load.ended_ns)))


def _largest_crowd(loads: list[Loaded], writes: list[Op], settle_ns: int) -> tuple[int, list[Loaded]]:
    """Those that were under way when one of them began: how many more than writes explain, at most; and which."""
    crowds: list[tuple[int, list[Loaded]]] = []
    for load in loads:
        crowd = [one for one in loads if one.began_ns <= load.began_ns < one.ended_ns]
        first_ns = min((one.began_ns for one in crowd), default=load.began_ns) - settle_ns
        useless = sum(
            op.invoked_ns <= load.began_ns and (op.completed_ns is None or op.completed_ns >= first_ns) for op in writes
        )
        crowds.append((max(1, len(crowd) - useless), crowd))
    return max(crowds, key=lambda one: one[0])
