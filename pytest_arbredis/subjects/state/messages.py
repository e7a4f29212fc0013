"""Publish and subscribe as a subject: each client publishes to a channel of its own, and listens to it.

Or environments, each with a database of its own, publish on channels of the same names: as registers whose value is the
last message that an environment heard.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.events import Gap, Message
from pytest_arbredis.state.channels.publisher import Publisher
from pytest_arbredis.state.channels.subscriber import Subscriber
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.parts import MODES
from pytest_arbredis.subjects.state.connecting import lacking, settings_of
from pytest_arbredis.subjects.state.environments import place_of
from pytest_arbredis.subjects.state.pieces import Pieces
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation

OPERATIONS = frozenset({"publish", "receive"})
HEARTBEAT_S = 0.3
WITHIN_S = 0.5
MOST_AT_ONCE = 10_000
LISTENS_S = 0.02


class Ether(Protocol):
    """What the drill needs of publish and subscribe: the hardened one, and the naive twin."""

    def publish(self, channel: str, said: str) -> int | None:
        """Publish to a channel that this client listens to; the message's number, if it has one."""
        ...

    def receive(self, channel: str, heard: list[Json]) -> None:
        """Add to `heard` what has come since the last time."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Implements `Subject`."""

    name: str
    make: Callable[[Endpoints], Ether]
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> MessagesSession:
        """A client of its own."""
        return MessagesSession(self.make(endpoints))


class MessagesSession:
    """One client."""

    def __init__(self, ether: Ether) -> None:
        self._ether = ether
        self._heard: list[Json] = []

    def apply(self, op: Invocation) -> Answer | Json:
        """Publish, or receive. What an interrupted receive had heard already, the next one answers."""
        try:
            if op.name == "publish":
                return self._ether.publish(op.key, str(op.input))
            if op.name == "receive":
                self._ether.receive(op.key, self._heard)
                heard, self._heard = self._heard, []
                return heard
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation on channels", op.name, OPERATIONS)

    def close(self) -> None:
        """Close both sides."""
        self._ether.close()


class HardenedEther:
    """Implements `Ether` by the state layer."""

    def __init__(self, endpoints: Endpoints, without: Without, *, scope: str = "test", db: int = 0) -> None:
        self._redis = StateRedis(replace(settings_of(endpoints), db=db))
        self._scope = scope
        self._publisher = Publisher(self._redis, _without=without)
        self._without = without
        self._subscriber: Subscriber | None = None

    def publish(self, channel: str, said: str) -> int | None:
        """As `Ether.publish`."""
        return self._publisher.publish(channel_of(channel, self._scope), said, within_s=WITHIN_S).number

    def receive(self, channel: str, heard: list[Json]) -> None:
        """As `Ether.receive`: until nothing comes."""
        if self._subscriber is None:
            self._subscriber = Subscriber(
                self._redis, channel_of(channel, self._scope), heartbeat_s=HEARTBEAT_S, _without=self._without
            )
        for _ in range(MOST_AT_ONCE):
            event = self._subscriber.receive(within_s=LISTENS_S)
            if event is None:
                return
            if isinstance(event, Message):
                heard.append(str(event.data))
            elif isinstance(event, Gap):
                heard.append({"gap": [event.first, event.last]})
            else:
                heard.append({"reset": True})

    def close(self) -> None:
        """As `Ether.close`."""
        if self._subscriber is not None:
            self._subscriber.close()
        self._redis.close()


class Environments:
    """Implements `Piece`: for each key an ether in the environment of the key, by the name that others have too."""

    def __init__(self, make: Callable[[str, int], Ether]) -> None:
        self._make = make
        self._ethers: dict[str, Ether] = {}
        self._heard: dict[str, list[Json]] = {}

    def change(self, key: str, value: str) -> None:
        """Publish a value."""
        ether, name = self._of(key)
        ether.publish(name, value)

    def read(self, key: str) -> Json:
        """The last value that was heard; None before the first."""
        ether, name = self._of(key)
        heard = self._heard.setdefault(key, [])
        ether.receive(name, heard)
        said = [one for one in heard if isinstance(one, str)]
        return said[-1] if said else None

    def _of(self, key: str) -> tuple[Ether, str]:
        mode, name = place_of(key)
        if key not in self._ethers:
            self._ethers[key] = self._make(mode, MODES.index(mode))
        return self._ethers[key], name

    def close(self) -> None:
        """Close all of them."""
        for ether in self._ethers.values():
            ether.close()


def channel_of(key: str, scope: str) -> Channel:
    """The executions of an account, for each client of a drill."""
    return Channel(scope=scope, name="executions", of=key.replace(":", "."))


def messages(*, _without: Without = NONE) -> Messages:
    """Publish and subscribe of the state layer."""
    return Messages(
        name=f"state layer, channels{lacking(_without)}", make=lambda endpoints: HardenedEther(endpoints, _without)
    )


def environments(*, _without: Without = NONE) -> Pieces:
    """Channels of the same names in four environments, each with its scope and its database."""

    def make(endpoints: Endpoints) -> Environments:
        return Environments(lambda mode, db: HardenedEther(endpoints, _without, scope=mode, db=db))

    return Pieces(name=f"state layer, channels of four environments{lacking(_without)}", make=make)
