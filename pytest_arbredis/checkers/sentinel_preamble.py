"""What a Sentinel must have published before it starts a failover, votes, or follows another's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.sentinel_record import ABORTED, LEADER, Published

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Preamble:
    """What came in the wrong order, and what is missing though something behind it is on record."""

    disorder: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def preamble(events: Sequence[Published], *, by_command: bool) -> Preamble:
    """Judge one Sentinel's events, by time. `by_command`: a failover may start without +odown."""
    found = Preamble()
    down: frozenset[str] = frozenset()
    owed: dict[str, Published] = {}
    """What has not been published yet, with the event that it should have come before."""
    epochs: set[int] = set()
    fresh_epoch = False
    for event in events:
        name = event.name
        if name in {"+sdown", "+odown"} and not event.of_master:
            continue
        if name in owed:
            first = owed.pop(name)
            if event.at_ns > first.at_ns:
                found.disorder.append(f"{event.sentinel} published {name} after {first.name}")
        if name == "+odown" and "+sdown" not in down:
            owed["+sdown"] = event
        down = _down(down, event)
        if name == "+new-epoch":
            fresh_epoch = True
            epochs |= {event.epoch} if event.epoch is not None else set()
        elif name == "+try-failover":
            if "+odown" not in down and not by_command:
                owed["+odown"] = event
            if not fresh_epoch:
                owed["+new-epoch"] = event
            fresh_epoch = False
        elif name == "+switch-master" or name.startswith(ABORTED):
            found.missing += _missing(owed)
            owed = {}
    found.missing += _missing(owed)
    found.disorder += _late_epochs(events)
    found.disorder += _late_updates(events, found.missing)
    return found


def _down(down: frozenset[str], event: Published) -> frozenset[str]:
    """What a Sentinel holds its primary for (+sdown, +odown) after an event; a switch gives it another primary."""
    if event.name == "+switch-master":
        return frozenset()
    if event.name in {"+sdown", "+odown"}:
        return down | {event.name}
    return down - {"+" + event.name[1:]} if event.name in {"-sdown", "-odown"} and event.of_master else down


def _missing(owed: dict[str, Published]) -> list[str]:
    return [f"{first.sentinel}: no {name} before {first.name} is on record" for name, first in owed.items()]


def _late_epochs(events: Sequence[Published]) -> list[str]:
    """Votes for an epoch that the Sentinel only entered afterwards."""
    entered = {event.epoch: event.at_ns for event in reversed(events) if event.name == "+new-epoch"}
    return [
        f"{event.sentinel} voted in epoch {event.epoch} before its +new-epoch"
        for event in events
        if event.name == "+vote-for-leader" and event.epoch in entered and event.at_ns < entered[event.epoch]
    ]


def _late_updates(events: Sequence[Published], missing: list[str]) -> list[str]:
    """Followers that switched before they published whose configuration they follow."""
    wrong: list[str] = []
    own = updated = False
    waiting: Published | None = None
    for event in events:
        if event.name in LEADER[:-1]:
            own = True
        elif event.name.startswith(ABORTED):
            own = False
        elif event.name == "+config-update-from":
            if waiting is not None and event.at_ns > waiting.at_ns:
                wrong.append(f"{event.sentinel} published +config-update-from after +switch-master")
                waiting = None
            else:
                own, updated = False, True
        elif event.name == "+switch-master":
            if waiting is not None:
                missing.append(f"{event.sentinel}: no +config-update-from before +switch-master is on record")
            waiting = None if own or updated else event
            own = updated = False
    if waiting is not None:
        missing.append(f"{waiting.sentinel}: no +config-update-from before +switch-master is on record")
    return wrong
