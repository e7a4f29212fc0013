"""What waits in the journal, as values: an addition, a gauge, a position. Each has a token of its own."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, replace

from pytest_arbredis.state.manager.values import Number  # noqa: TC001 - as above


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """When something was written.

    `mono_ns` is CLOCK_MONOTONIC of the boot `boot`; `server_us` the server's time as it was reckoned then (None: there
    had been no contact yet); `wall_ns` the machine's own belief, which orders nothing.
    """

    mono_ns: int
    wall_ns: int
    boot: str = ""
    server_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Addition:
    """`by` is to be added to the statistic `name`, once. `sent`: Redis may have done so already."""

    token: str
    name: str
    by: int
    at: Instant
    sent: bool = False

    @property
    def about(self) -> tuple[str, str]:
        """What it changes: entries about the same thing may become one, as long as none was sent."""
        return ("stat", self.name)

    def joined(self, later: Addition) -> Addition:
        """This one and a later one as one, under this one's token."""
        return replace(self, by=self.by + later.by)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """The metric `name` was set to `value`; it may live until `ttl_ms` after that."""

    token: str
    name: str
    value: Number
    ttl_ms: int
    at: Instant
    sent: bool = False

    @property
    def about(self) -> tuple[str, str]:
        """As `Addition.about`."""
        return ("metric", self.name)

    def joined(self, later: Gauge) -> Gauge:
        """The later one: it is the newest."""
        return replace(later, token=self.token)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionWrite:
    """The position `symbol` was set to `fields`, over the version `over` and in the place of `resolves`."""

    token: str
    symbol: str
    fields: Mapping[str, object]
    over: int
    at: Instant
    resolves: tuple[str, ...] = ()
    sent: bool = False

    @property
    def about(self) -> tuple[str, str]:
        """As `Addition.about`."""
        return ("position", self.symbol)

    def joined(self, later: PositionWrite) -> PositionWrite:
        """The later fields, over what the first one was written over."""
        return replace(self, fields=later.fields, at=later.at)


Entry = Addition | Gauge | PositionWrite


def joined(first: Entry, later: Entry) -> Entry:
    """Two entries about the same thing as one, under the first one's token."""
    match first, later:
        case Addition(), Addition():
            return first.joined(later)
        case Gauge(), Gauge():
            return first.joined(later)
        case PositionWrite(), PositionWrite():
            return first.joined(later)
    raise TypeError(f"{first!r} and {later!r}")
