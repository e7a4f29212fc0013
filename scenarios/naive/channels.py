"""Channels as designs 4 and 5 have them: PUBLISH and SUBSCRIBE."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import redis

from pytest_arbredis.scenarios.naive.reaching import client_of
from pytest_arbredis.subjects.state.messages import MOST_AT_ONCE, Environments, Messages
from pytest_arbredis.subjects.state.pieces import Pieces

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints


class NaiveEther:
    """Plain redis-py: its subscriptions come back by themselves, and say nothing of what was missed."""

    def __init__(self, endpoints: Endpoints, *, db: int = 0) -> None:
        """state-layer.md §5: db 1 channels: a database of its own for each who must not be heard by others."""
        self._held = ExitStack()
        self._redis = client_of(endpoints, self._held)
        self._redis.connection_pool.connection_kwargs["db"] = db
        self._listener: Any = None

    def publish(self, channel: str, said: str) -> int | None:
        """state-layer.md §5: db 1 channels `executions:{account_id}`."""
        self._redis.publish(channel, said)
        return None

    def receive(self, channel: str, heard: list[Json]) -> None:
        """state-layer.md §5: a subscription; an error is logged by a bot, and the next call goes on."""
        try:
            if self._listener is None:
                listener = self._redis.pubsub()
                listener.subscribe(channel)
                listener.get_message(timeout=1.0)
                self._listener = listener
                self._held.callback(listener.close)
            for _ in range(MOST_AT_ONCE):
                message = self._listener.get_message(ignore_subscribe_messages=True, timeout=0.001)
                if message is not None:
                    heard.append(message["data"].decode())
                elif not self._listener.connection.can_read():
                    return
        except (redis.ConnectionError, redis.TimeoutError):
            return

    def close(self) -> None:
        """Close both sides."""
        self._held.close()


def messages() -> Messages:
    """Publish and subscribe as written."""
    return Messages(name="naive channels, PUBLISH and SUBSCRIBE", make=NaiveEther)


def environments() -> Pieces:
    """Channels of the same names, each environment with a database of its own."""

    def make(endpoints: Endpoints) -> Environments:
        return Environments(lambda _, db: NaiveEther(endpoints, db=db))

    return Pieces(name="naive channels of four environments", make=make)
