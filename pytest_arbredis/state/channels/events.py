"""What a subscriber is told: a message, a gap, a reset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message of a channel (its name on the wire), with its number; None if it came without one."""

    channel: str
    number: int | None
    data: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """The messages `first` to `last` of a channel were published, and will not come: read the state instead."""

    channel: str
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Another server counts the channel now, or the same one began anew: messages may have been missed, or lost.

    Read the state instead.
    """

    channel: str


Event = Message | Gap | Reset
