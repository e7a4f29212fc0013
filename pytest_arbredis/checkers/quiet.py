"""Quiet rounds: the parts of a measurement in which the machine was not seen to stall.

Time is cut into rounds of 100 ms. The load's waiting thread notes when it was not run (`load/stalls.py`), and so does a
witness of real-time priority on every core, where that is permitted (`load/core_watch.py`); a round that such a stall
touches, or its wake, in which the queue behind it is worked off, is left out. What is left out is decided by that alone
and never by how long an operation took: nothing of the subject runs in a thread that waits, and nothing ordinary delays
a real-time process. A subject that is slow keeps the thread from waiting, and delays no witness: nothing excuses it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

ROUND_NS = 100 * NS_PER_MS
WAKE = 3
"""A stall's wake ends after so many times its length: a thread that is busy two thirds of its time has caught up."""
LEAST_SHARE = 0.5
"""Of the rounds must be quiet; else the machine is noisy, and what is left would be a choice of its best moments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """The rounds of one measurement, from the intended start of its first operation to that of its last.

    `waited_ns` is how long somebody watched, at most: a load that is always behind sees nothing, and excuses nothing;
    witnesses of the cores watch all the time.
    """

    begin_ns: int
    measured: int
    noisy: frozenset[int]
    stalls: int
    stalled_ns: int
    waited_ns: int

    @property
    def quiet(self) -> int:
        """How many rounds no stall touched."""
        return self.measured - len(self.noisy)

    @property
    def watched_share(self) -> float:
        """Of the time of the measurement."""
        return self.waited_ns / (self.measured * ROUND_NS)

    @property
    def mostly_quiet(self) -> bool:
        """Whether enough of them are quiet for these to be judged alone."""
        return self.quiet >= LEAST_SHARE * self.measured

    def is_quiet(self, at_ns: int) -> bool:
        """Whether an operation that was intended then is in a quiet round."""
        return (at_ns - self.begin_ns) // ROUND_NS not in self.noisy


def rounds(history: History, begin_ns: int, end_ns: int) -> Rounds | None:
    """The rounds of a measurement; None where no thread watched for stalls."""
    watched = False
    waited_ns = 0
    seen: list[tuple[int, int]] = []
    measured = (end_ns - begin_ns) // ROUND_NS + 1
    last_ns = begin_ns + measured * ROUND_NS
    for waited, found in _watches(history):
        watched = True
        waited_ns = max(waited_ns, min(waited, last_ns - begin_ns))
        seen += [(at_ns, at_ns + length_ns) for at_ns, length_ns in found]
    noisy: set[int] = set()
    stalls = stalled_ns = 0
    for from_ns, until_ns in _merged(seen):
        first = (from_ns - begin_ns) // ROUND_NS
        last = (from_ns + WAKE * (until_ns - from_ns) - begin_ns) // ROUND_NS
        touched = range(max(first, 0), min(last, measured - 1) + 1)
        if touched:
            noisy.update(touched)
            stalls += 1
            stalled_ns += until_ns - from_ns
    if not watched:
        return None
    return Rounds(
        begin_ns=begin_ns,
        measured=measured,
        noisy=frozenset(noisy),
        stalls=stalls,
        stalled_ns=stalled_ns,
        waited_ns=waited_ns,
    )


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans by begin, those that overlap as one: several witnesses saw the same stall."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged


def wakefulness(history: History) -> tuple[int, str] | None:
    """How many cores were kept awake, and how or why not; None where nobody noted it."""
    for event in history.events_named("note"):
        if event.data.get("kind") == "wakefulness":
            cores, how, why_not = (event.data.get(name) for name in ("cores", "how", "why_not"))
            return (cores if isinstance(cores, int) else 0, str(how or why_not or ""))
    return None


def figures_of(seen: Rounds | None, measured: int) -> dict[str, Json]:
    """Figures of the rounds."""
    if seen is None:
        return {}
    return {
        "n_measured": measured,
        "rounds_measured": seen.measured,
        "rounds_quiet": seen.quiet,
        "stalls": seen.stalls,
        "stalled_ms": round(seen.stalled_ns / NS_PER_MS, 3),
        "watched_share": round(seen.watched_share, 3),
    }


def lines_of(seen: Rounds | None, figures: Mapping[str, Json], *, judged_all: bool) -> Iterator[str]:
    """What was left out, for a reader of the report."""
    if seen is None:
        return
    saw = (
        f"{seen.stalls} stalls of the machine, {seen.stalled_ns / NS_PER_MS:.1f} ms in all, "
        f"watched {seen.watched_share:.0%} of the time"
    )
    if judged_all:
        yield f"rounds of {ROUND_NS // NS_PER_MS} ms: all {seen.measured} are judged, {seen.quiet} were quiet ({saw})"
        return
    over_all = ", ".join(
        f"{label.upper()} {value:.3f} ms" if isinstance(value := figures[f"{label}_all_rounds_ms"], float) else label
        for label in ("p50", "p95", "p99")
    )
    left_out = seen.measured - seen.quiet
    yield (
        f"rounds of {ROUND_NS // NS_PER_MS} ms: {seen.quiet} of {seen.measured} are judged; {left_out} are left out "
        f"because of {saw}; over all rounds {over_all}"
    )


def _watches(history: History) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """How long each watching thread, and the witnesses of the cores, watched; begin and length of what they saw."""
    for event in history.events_named("note"):
        if event.data.get("kind") == "stalls" and event.data.get("cores") != 0:
            waited = event.data.get("waited_ns")
            yield waited if isinstance(waited, int) else 0, list(_pairs(event.data.get("stalls")))


def _pairs(noted: Json) -> Iterator[tuple[int, int]]:
    for pair in noted if isinstance(noted, list) else ():
        match pair:
            case [int(at_ns), int(length_ns)] if length_ns > 0:
                yield at_ns, length_ns
            case _:
                continue
