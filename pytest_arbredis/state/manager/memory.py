"""What a manager knows by itself: what it last saw in Redis, and what it has written since."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from pytest_arbredis.state.manager.readings import Heartbeat, Position
    from pytest_arbredis.state.manager.values import Number

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen(Generic[T]):
    """A value, and when (CLOCK_MONOTONIC) it was seen in Redis; None: it never was, it is only of this memory."""

    value: T
    at_ns: int | None


@dataclass(slots=True, kw_only=True)
class Memory:
    """By name: statistics, metrics, heartbeats of components, positions of symbols."""

    stats: dict[str, Seen[int]] = field(default_factory=dict)
    metrics: Seen[dict[str, Number]] | None = None
    heartbeats: dict[str, Seen[Heartbeat]] = field(default_factory=dict)
    positions: dict[str, Seen[Position]] = field(default_factory=dict)
