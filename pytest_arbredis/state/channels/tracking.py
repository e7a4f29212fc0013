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
    """The last number of a channel, and what it is counted in.

    `epoch` is the replication id of the primary. `born` tells when the channel's Hash was made, empty if there is none:
    a counter that began anew (FLUSHALL, DEL, an eviction) may come to the same number again.
    """

    epoch: str
    number: int
    born: str = ""

    def continues(self, before: Counter) -> bool:
        """Whether it counts on from `before`, or back from it: in one epoch, and in one Hash or the first one."""
        return self.epoch == before.epoch and (self.born == before.born or not before.born)


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
        if at is not None and not counter.continues(at):
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
        elif _is_older(counter, at, seen_then):
            return
        elif not counter.continues(at) or (seen_then is not None and counter.number < seen_then.number):
            self.at, self.late_from = counter, None
            yield Reset(channel=self.channel)
        elif counter.number > at.number:
            self.at, self.late_from = counter, self.late_from or at.number + 1
            yield Gap(channel=self.channel, first=at.number + 1, last=counter.number)


def _is_older(counter: Counter, at: Counter, seen_then: Counter | None) -> bool:
    """Whether messages showed a newer epoch or Hash than `counter`, while it was on its way."""
    if seen_then is None:
        return counter.epoch == at.epoch and not counter.born
    return (at.epoch, at.born) != (seen_then.epoch, seen_then.born)
