"""Attempts at a failover, each by one Sentinel: their steps, their epoch, and how they ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.checkers.sentinel_record import ABORTED, LEADER, RECONFIGURED, Published

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

End = Literal["completed", "aborted", "superseded", "unfinished"]
_RANK = {name: rank for rank, name in enumerate(LEADER)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt. `superseded`: another Sentinel's configuration came first; `abort` is the event that ended it."""

    sentinel: str
    epoch: int | None
    steps: tuple[Published, ...]
    reconfigured: tuple[Published, ...]
    end: End
    abort: str = ""

    @property
    def elected(self) -> bool:
        """Whether its Sentinel was elected leader."""
        return any(step.name == "+elected-leader" for step in self.steps)

    @property
    def title(self) -> str:
        """Who and when, as printed."""
        return self.sentinel if self.epoch is None else f"{self.sentinel} in epoch {self.epoch}"

    def disorder(self) -> Iterator[str]:
        """Steps that were published after a later one."""
        for one, following in pairwise(self.steps):
            if _RANK[following.name] < _RANK[one.name] and following.at_ns > one.at_ns:
                yield f"{self.title} published {following.name} after {one.name}"
        by_replica: dict[str, list[Published]] = {}
        for event in self.reconfigured:
            by_replica.setdefault(" ".join(event.words[:2]), []).append(event)
        for events in by_replica.values():
            for one, following in pairwise(events):
                out_of_order = RECONFIGURED.index(following.name) < RECONFIGURED.index(one.name)
                if out_of_order and following.name != RECONFIGURED[0] and following.at_ns > one.at_ns:
                    yield f"{self.title} published {following.name} after {one.name}"

    def missing(self) -> tuple[str, ...]:
        """Steps that are not on record though a later one is."""
        reached = max(_RANK[step.name] for step in self.steps)
        seen = {step.name for step in self.steps}
        return tuple(name for name in LEADER[: reached + 1] if name not in seen)


@dataclass(slots=True)
class _Open:
    """An attempt while its events are read."""

    sentinel: str
    epoch: int | None
    steps: list[Published] = field(default_factory=list)
    reconfigured: list[Published] = field(default_factory=list)

    def has(self, name: str) -> bool:
        return any(step.name == name for step in self.steps)

    def closed(self, end: End, abort: str = "") -> Attempt:
        epochs = [step.epoch for step in self.steps if step.epoch is not None]
        return Attempt(
            sentinel=self.sentinel,
            epoch=epochs[0] if epochs else self.epoch,
            steps=tuple(self.steps),
            reconfigured=tuple(self.reconfigured),
            end="completed" if self.has("+switch-master") else end,
            abort=abort,
        )


def attempts_of(events: Sequence[Published]) -> Iterator[Attempt]:
    """The attempts of one Sentinel, from its events by time."""
    now: _Open | None = None
    epoch: int | None = None
    for event in events:
        if event.name == "+new-epoch":
            epoch = event.epoch
        elif event.name in RECONFIGURED and now is not None:
            now.reconfigured.append(event)
        elif event.name == "+config-update-from" and now is not None:
            yield now.closed("superseded")
            now = None
        elif event.name.startswith(ABORTED) and now is not None:
            yield now.closed("aborted", event.name)
            now = None
        elif event.name in _RANK and (now is not None or event.name != "+switch-master"):
            if now is not None and event.name == "+try-failover" and now.has("+try-failover"):
                yield now.closed("superseded")
                now = None
            now = now or _Open(sentinel=event.sentinel, epoch=epoch)
            now.steps.append(event)
    if now is not None:
        yield now.closed("unfinished")
