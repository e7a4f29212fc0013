"""redis-py's publish and subscribe as a subject: each client publishes to a channel of its own, and listens to it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.servers.login import Login

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation

MOST_AT_ONCE = 10_000
"""Messages that one `receive` takes at most."""

OPERATIONS = frozenset({"publish", "receive"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PubSub:
    """`publish` is answered with the number of receivers, `receive` with the messages that have come since the last."""

    socket_timeout_s: float = 1.0

    operations = OPERATIONS

    @property
    def name(self) -> str:
        """E.g. `redis-py 8.1.0 PubSub`."""
        return f"redis-py {version('redis')} PubSub"

    def open(self, endpoints: Endpoints) -> PubSubSession:
        """A client of the primary, by the Sentinels where there are some, with a subscription that starts lazily."""
        import redis
        from redis.sentinel import Sentinel

        client: redis.Redis
        who: dict[str, Any] = {"socket_timeout": self.socket_timeout_s, **endpoints.login.options()}
        if endpoints.sentinels:
            asking: dict[str, Any] = {
                "socket_timeout": self.socket_timeout_s,
                **Login(ca=endpoints.login.ca).options(),
            }
            known = Sentinel(endpoints.sentinels, sentinel_kwargs=asking)
            client = known.master_for(endpoints.master_name, **who)
        else:
            host, port = endpoints.primary
            client = redis.Redis(host=host, port=port, **who)
            known = None
        client.ping()
        return PubSubSession(client, known)


class PubSubSession:
    """One client, one subscription, one thread."""

    def __init__(self, client: redis.Redis, known: Any) -> None:
        self._client = client
        self._known = known
        self._listener: Any = None

    def apply(self, op: Invocation) -> Answer:
        """Publish `input` to the channel `key`, or receive what has come on it."""
        if op.name == "publish":
            self._subscribe(op.key)  # before its first message, or that would be lost for no fault's sake
            return Answer(output=_count(self._client.publish(op.key, str(op.input))))
        if op.name == "receive":
            self._subscribe(op.key)
            return Answer(output=self._drain())
        raise UsageError.unknown("operation", op.name, sorted(OPERATIONS))

    def _subscribe(self, channel: str) -> None:
        if self._listener is not None:
            return
        listener: Any = self._client.pubsub()
        listener.subscribe(channel)
        listener.get_message(timeout=1.0)  # the confirmation: from here on nothing is missed
        self._listener = listener

    def _drain(self) -> Json:
        messages: list[Json] = []
        for _ in range(MOST_AT_ONCE):
            message = self._listener.get_message(ignore_subscribe_messages=True)
            if message is None and not self._listener.connection.can_read():
                break
            if message is not None:
                messages.append(message["data"].decode())
        return messages

    def close(self) -> None:
        """Close the subscription, the client, and the clients of Sentinels."""
        if self._listener is not None:
            self._listener.close()
        self._client.close()
        for client in self._known.sentinels if self._known is not None else ():
            client.close()


def _count(reply: Any) -> int:
    return int(reply)


def pubsub(socket_timeout_s: float = 1.0) -> PubSub:
    """redis-py's `client.pubsub()`, on the primary."""
    return PubSub(socket_timeout_s=socket_timeout_s)
