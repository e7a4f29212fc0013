"""Publish and subscribe as a subject: each client publishes to a channel of its own, and listens to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.state.channels.channel import Channel
from pytest_arbredis.state.channels.events import Gap, Message
from pytest_arbredis.state.channels.publisher import Publisher
from pytest_arbredis.state.channels.subscriber import Subscriber
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.subjects.state.connecting import hardened, lacking
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

    def __init__(self, endpoints: Endpoints, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._publisher = Publisher(self._redis, _without=without)
        self._without = without
        self._subscriber: Subscriber | None = None

    def publish(self, channel: str, said: str) -> int | None:
        """As `Ether.publish`."""
        return self._publisher.publish(channel_of(channel), said, within_s=WITHIN_S).number

    def receive(self, channel: str, heard: list[Json]) -> None:
        """As `Ether.receive`: until nothing comes."""
        if self._subscriber is None:
            self._subscriber = Subscriber(
                self._redis, channel_of(channel), heartbeat_s=HEARTBEAT_S, _without=self._without
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


def channel_of(key: str) -> Channel:
    """The executions of an account, for each client of a drill."""
    return Channel(scope="test", name="executions", of=key.replace(":", "."))


def messages(*, _without: Without = NONE) -> Messages:
    """Publish and subscribe of the state layer."""
    return Messages(
        name=f"state layer, channels{lacking(_without)}", make=lambda endpoints: HardenedEther(endpoints, _without)
    )
