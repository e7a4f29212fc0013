"""Sentinel: the leader of a failover, and those that follow it, publish their events in the documented order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.sentinel_attempts import Attempt, attempts_of
from pytest_arbredis.checkers.sentinel_preamble import preamble
from pytest_arbredis.checkers.sentinel_record import Published, published
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

BY_COMMAND = "failover"
"""The fault that asks a Sentinel for a failover: it needs no agreement that the primary is down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentinelEventsInOrder:
    """Every failover on record went by Sentinel's protocol, as its events show.

    Each Sentinel: +sdown before +odown, a vote after the +new-epoch that it is for, one vote an epoch, epochs never
    lower than before. A leader: +odown (unless a failover was commanded) and +new-epoch before +try-failover, then
    +elected-leader, the states from selecting a replica to reconfiguring the others, +failover-end, +switch-master.
    A follower: +config-update-from before +switch-master. Two leaders elected in one epoch are a violation. Aborted and
    superseded attempts are legal, and counted.

    Unknown without a completed failover, or if events are missing that must have been published.
    """

    @property
    def claim(self) -> str:
        """`sentinel_events_in_order`."""
        return "sentinel_events_in_order"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        by_sentinel = published(history)
        by_command = any(fault.name == BY_COMMAND for fault in history.faults)
        attempts = [one for events in by_sentinel.values() for one in attempts_of(events)]
        before = [preamble(events, by_command=by_command) for events in by_sentinel.values()]
        wrong = [
            *(text for found in before for text in found.disorder),
            *(text for one in attempts for text in one.disorder()),
            *_epochs(by_sentinel, attempts),
        ]
        missing = [
            *(text for found in before for text in found.missing),
            *(f"{one.title}: no {' or '.join(names)} is on record" for one in attempts if (names := one.missing())),
            *(
                f"{one.sentinel} was elected leader in an epoch that is not on record"
                for one in attempts
                if one.elected and one.epoch is None
            ),
        ]
        completed = [one for one in attempts if one.end == "completed" or (one.end == "unfinished" and _promoted(one))]
        figures = _figures(attempts, completed, by_sentinel)
        aborts = Counter(one.abort for one in attempts if one.end == "aborted")
        told = ", ".join(f"{count} {name}" for name, count in sorted(aborts.items())) or "no aborted election"
        if not completed:
            missing.insert(0, f"no failover was completed on record ({told})")
        verdict, summary = Verdict.VALID, f"{len(completed)} failovers in order, {told}"
        if wrong:
            more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
            verdict, summary = Verdict.INVALID, wrong[0] + more
        elif missing:
            verdict, summary = Verdict.UNKNOWN, missing[0]
        return Finding(
            claim=self.claim, verdict=verdict, summary=summary, figures=figures, lines=tuple((wrong or missing)[:20])
        )


def sentinel_events_in_order() -> SentinelEventsInOrder:
    """Every failover on record went by Sentinel's protocol, as its events show."""
    return SentinelEventsInOrder()


def _promoted(attempt: Attempt) -> bool:
    return any(step.name == "+promoted-slave" for step in attempt.steps)


def _epochs(by_sentinel: Mapping[str, Sequence[Published]], attempts: Sequence[Attempt]) -> Iterator[str]:
    """Epochs with two leaders, two votes of one Sentinel in an epoch, and epochs that go back."""
    leaders: dict[int, set[str]] = {}
    for one in attempts:
        if one.elected and one.epoch is not None:
            leaders.setdefault(one.epoch, set()).add(one.sentinel)
    for epoch, names in sorted(leaders.items()):
        if len(names) > 1:
            yield f"{' and '.join(sorted(names))} were both elected leader in epoch {epoch}"
    for sentinel, events in by_sentinel.items():
        votes: dict[int, set[str]] = {}
        highest = -1
        for event in events:
            if event.epoch is None:
                continue
            if event.name == "+vote-for-leader" and event.words:
                votes.setdefault(event.epoch, set()).add(event.words[0])
            elif event.name == "+new-epoch":
                if event.epoch < highest:
                    yield f"{sentinel} went from epoch {highest} back to {event.epoch}"
                highest = max(highest, event.epoch)
        for epoch, voted in votes.items():
            if len(voted) > 1:
                yield f"{sentinel} voted for {len(voted)} leaders in epoch {epoch}"


def _figures(
    attempts: Sequence[Attempt], completed: Sequence[Attempt], by_sentinel: Mapping[str, Sequence[Published]]
) -> dict[str, Json]:
    switched = sum(event.name == "+switch-master" for events in by_sentinel.values() for event in events)
    aborted: dict[str, Json] = {**Counter(one.abort for one in attempts if one.end == "aborted")}
    return {
        "sentinels": len(by_sentinel),
        "attempts": len(attempts),
        "completed": len(completed),
        "aborted": aborted,
        "superseded": sum(one.end == "superseded" for one in attempts),
        "leaders": [one.title for one in completed],
        "switched": switched,
    }
