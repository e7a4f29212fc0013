"""A subscriber's talk with Redis, as a generator of steps: one for threads and asyncio.

A step that fails is raised at the `yield` that asked for it. Whatever ends a connection costs messages; they are told
of as gaps once there is another one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.channels import plans
from pytest_arbredis.state.channels.events import Event, Message
from pytest_arbredis.state.channels.tracking import Counter, Track
from pytest_arbredis.state.clock import NS_PER_S, Clock
from pytest_arbredis.state.errors import ConnectionLostError, MisuseError, UnavailableError

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg, Plan, Reply
    from pytest_arbredis.state.channels.channel import Channel
    from pytest_arbredis.state.hardenings import Without

SHORTEST_S = 0.001


@dataclass(frozen=True, slots=True)
class Open:
    """Make a connection of one's own."""

    within_s: float


@dataclass(frozen=True, slots=True)
class Send:
    """Send a command on it."""

    args: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class Receive:
    """What comes on it; None if nothing did in time."""

    within_s: float


@dataclass(frozen=True, slots=True)
class Shut:
    """End it."""


@dataclass(frozen=True, slots=True)
class ReadCounters:
    """The last numbers of the channels, by a connection of the pool."""

    within_s: float


Step = Open | Send | Receive | Shut | ReadCounters
Talk = Generator[Step, Any, Event | None]


@dataclass(slots=True, kw_only=True)
class Subscription:
    """What a subscriber knows: how far it is on each channel, what it has not yet handed out, what it waits for."""

    channels: tuple[Channel, ...]
    heartbeat_s: float
    clock: Clock
    without: Without
    tracks: dict[str, Track] = field(init=False)
    ready: deque[Event] = field(default_factory=deque)
    connected: bool = False
    waits_for: str = ""
    """The token of a PING without its reply."""
    asked_ns: int = 0
    counted: dict[str, tuple[Counter, Counter | None]] = field(default_factory=dict)
    """Counters that were read before that PING, each with how far the channel was then."""
    pings: int = 0

    def __post_init__(self) -> None:
        wires = [plans.on_the_wire(channel, without=self.without) for channel in self.channels]
        self.tracks = {wire: Track(wire) for wire in wires}

    def counters(self) -> Plan[dict[str, Counter]]:
        """What `ReadCounters` asks for."""
        return plans.counters(self.channels, without=self.without)

    def left_s(self, until_ns: int) -> float:
        """Seconds until then, never none: a poll looks once."""
        return max(SHORTEST_S, (until_ns - self.clock.monotonic_ns()) / NS_PER_S)


def next_event(known: Subscription, *, within_s: float) -> Talk:
    """The next event, or None if there was none within `within_s`.

    Raises `UnavailableError` if there is no connection by then: nothing is missed silently by that, the next call goes
    on from there.
    """
    if not (math.isfinite(within_s) and within_s >= 0):
        raise MisuseError(f"within_s={within_s!r}", remedy="give seconds, 0 or more")
    until_ns = known.clock.monotonic_ns() + int(within_s * NS_PER_S)
    looked = False
    while not known.ready:
        if looked and known.clock.monotonic_ns() >= until_ns:
            return None
        looked = True
        try:
            if not known.connected:
                yield from _connect(known, max(within_s, known.heartbeat_s))
            heartbeat_ns = known.asked_ns + int(known.heartbeat_s * NS_PER_S)
            late = known.clock.monotonic_ns() >= heartbeat_ns
            if late and not known.waits_for:
                yield from _ask(known)
                late, heartbeat_ns = False, known.asked_ns + int(known.heartbeat_s * NS_PER_S)
            # Late may be the caller, too: what has come meanwhile is looked at before the line is called dead.
            reply = yield Receive(known.heartbeat_s / 20 if late else known.left_s(min(until_ns, heartbeat_ns)))
            if reply is not None:
                _came(known, reply)
            elif late:
                raise ConnectionLostError(f"the subscription was silent for {known.heartbeat_s} s after a PING")
        except UnavailableError:
            was_connected, known.connected = known.connected, False
            yield Shut()
            if not was_connected:
                raise
    return known.ready.popleft()


def _connect(known: Subscription, within_s: float) -> Generator[Step, Any, None]:
    """Subscribe, and only then read the counters: what is published in between comes, or is counted."""
    until_ns = known.clock.monotonic_ns() + int(within_s * NS_PER_S)
    known.waits_for = ""
    yield Open(known.left_s(until_ns))
    until_ns = min(until_ns, known.clock.monotonic_ns() + int(known.heartbeat_s * NS_PER_S))
    yield Send(("SUBSCRIBE", *known.tracks))
    missing = len(known.tracks)
    while missing:
        reply = yield Receive(known.left_s(until_ns))
        if reply is None:
            raise ConnectionLostError(f"no subscription within {known.heartbeat_s} s", applied="no")
        if isinstance(reply, list) and reply[0] == b"subscribe":
            missing -= 1
        else:
            _came(known, reply)
    yield from _ask(known)
    while known.waits_for:
        reply = yield Receive(known.left_s(until_ns))
        if reply is None:
            raise ConnectionLostError(f"no reply behind a subscription within {known.heartbeat_s} s", applied="no")
        _came(known, reply)
    known.connected = True


def _ask(known: Subscription) -> Generator[Step, Any, None]:
    """Read the counters, then PING: what was published up to them comes before the reply, or never."""
    known.counted = {}
    if "counter-read-on-resubscribe" not in known.without and "sequence-numbers" not in known.without:
        then = {wire: track.at for wire, track in known.tracks.items()}
        read: dict[str, Counter] = yield ReadCounters(known.heartbeat_s)
        known.counted = {wire: (counter, then[wire]) for wire, counter in read.items()}
    known.pings += 1
    known.waits_for = f"p{known.pings}"
    known.asked_ns = known.clock.monotonic_ns()
    yield Send(("PING", known.waits_for))


def _came(known: Subscription, reply: Reply) -> None:
    """A message, the reply to a PING, or what does not matter."""
    if isinstance(reply, list) and len(reply) == 3 and reply[0] == b"message":
        track = known.tracks.get(reply[1].decode())
        if track is None:
            return
        counter, data = plans.heard(reply[2])
        if counter is None:
            known.ready.append(Message(channel=track.channel, number=None, data=data))
        else:
            known.ready.extend(track.message(counter, data))
        return
    token = reply[1] if isinstance(reply, list) and len(reply) == 2 and reply[0] == b"pong" else reply
    if known.waits_for and token == known.waits_for.encode():
        known.waits_for = ""
        for wire, (counter, then) in known.counted.items():
            known.ready.extend(known.tracks[wire].counted(counter, seen_then=then))


def require_known_channels(channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """Channels to subscribe to: one at least, none twice."""
    if not channels or len(set(channels)) != len(channels):
        raise MisuseError("no channel, or one twice", remedy="give each channel once")
    return channels
