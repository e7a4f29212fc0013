"""How far a subscriber has come on a channel, and what follows from a number that it sees: a pure automaton."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.state.channels.events import Gap, Message, Reset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.state.channels.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """The last number of a channel, and the epoch in which it is counted: the replication id of the primary."""

    epoch: str
    number: int


@dataclass(slots=True)
class Track:
    """One channel. `at` is the last number that was told of, by a message, a gap or a reset; None before the first.

    From `late_from` on up to `at` messages may come late: they were told of as a gap by a counter, and no message that
    came in its turn has followed. Any other number that was there before is of a counter that began anew (FLUSHALL).
    """

    channel: str
    at: Counter | None = None
    late_from: int | None = None

    def message(self, counter: Counter, data: object) -> Iterator[Event]:
        """A message came. One that was told of before says nothing: it was in a gap, and came late."""
        at = self.at
        if at is not None and counter.epoch != at.epoch:
            yield Reset(channel=self.channel)
        elif at is not None and counter.number <= at.number:
            if self.late_from is not None and counter.number >= self.late_from:
                return
            yield Reset(channel=self.channel)
        elif at is not None and counter.number > at.number + 1:
            yield Gap(channel=self.channel, first=at.number + 1, last=counter.number - 1)
        self.at, self.late_from = counter, None
        yield Message(channel=self.channel, number=counter.number, data=data)

    def counted(self, counter: Counter, *, seen_then: Counter | None) -> Iterator[Event]:
        """All messages up to `counter` have come, or will not; it was read when this was at `seen_then`."""
        at = self.at
        if at is None:
            self.at = counter
        elif seen_then is not None and at.epoch != seen_then.epoch:
            return  # a newer epoch showed itself meanwhile
        elif counter.epoch != at.epoch or (seen_then is not None and counter.number < seen_then.number):
            self.at, self.late_from = counter, None
            yield Reset(channel=self.channel)
        elif counter.number > at.number:
            self.at, self.late_from = counter, self.late_from or at.number + 1
            yield Gap(channel=self.channel, first=at.number + 1, last=counter.number)
