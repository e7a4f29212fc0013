"""A `redis.Redis` that records what it does. Its connections count sends, else it is the library's.

A pipeline is one operation, MULTI or PIPELINE, with the names of its commands as input. What a subscription receives is
not recorded.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import redis
from redis.client import Pipeline

from pytest_arbredis.load.replies import error_in_replies, outcome_of_replies
from pytest_arbredis.subjects.counting import METER, CountingConnection
from pytest_arbredis.views.recording import bounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.views.recording import OperationRecorder

SECRET = frozenset(("AUTH", "HELLO", "ACL", "CONFIG", "MIGRATE"))
"""Commands whose arguments may be passwords: not recorded."""
KEYLESS = frozenset(("EVAL", "EVALSHA", "FCALL", "PING", "INFO", "CLIENT", "SCRIPT", "PUBLISH", "WAIT", "TIME", "ROLE"))
"""Commands whose first argument is no key."""


class RecordedRedis(redis.Redis):
    """The library's client. `recorder` and `nodes` are given by `recorded`."""

    recorder: OperationRecorder
    nodes: Mapping[Address, str]

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command, recorded."""
        name, key, given = described(args)
        METER.start()
        with self.recorder.recording(name, key=key, input=given, sent=self.sent) as complete:
            reply = super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            complete(replied(reply))
        return reply

    def pipeline(self, transaction: Any = True, shard_hint: Any = None) -> Pipeline:  # noqa: FBT002 - the library's
        """A pipeline that is recorded as one operation."""
        made = RecordedPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.recording = self
        return made

    def sent(self) -> tuple[int, list[str]]:
        """How often this thread's last operation was sent, and to whom."""
        return METER.attempts, names_of(METER.tried, self.nodes)


class RecordedPipeline(Pipeline):
    """The library's pipeline. `recording` is given by its client."""

    recording: RecordedRedis

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - the library's signature
        """All commands in the pipeline, recorded as one operation."""
        names = [described(args)[0] for args, _ in self.command_stack]
        state = vars(self)  # `transaction` is a method of the client, too
        whole = "MULTI" if state["transaction"] or state["explicit_transaction"] else "PIPELINE"
        METER.start()
        recorder, sent = self.recording.recorder, self.recording.sent
        with recorder.recording(whole, input=[*names], sent=sent, commands=len(names)) as complete:
            replies: list[Any] = super().execute(raise_on_error)
            outcome = outcome_of_replies(replies, attempts=METER.attempts)
            complete(replied(replies), outcome=outcome, error=error_in_replies(replies))
        return replies

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """A command beside the transaction, while watching."""
        name, key, given = described(args)
        METER.start()
        with self.recording.recorder.recording(name, key=key, input=given, sent=self.recording.sent) as complete:
            reply = super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]
            complete(replied(reply))
        return reply


def recorded(
    recorder: OperationRecorder, address: Address, *, nodes: Mapping[Address, str], **settings: Any
) -> RecordedRedis:
    """A client with the library's defaults that records into `recorder`; `nodes` names the addresses."""
    client = RecordedRedis(host=address[0], port=address[1], **settings)
    client.connection_pool.connection_class = _counting(client.connection_pool.connection_class)
    client.recorder = recorder
    client.nodes = nodes
    return client


def names_of(addresses: Iterable[Address], nodes: Mapping[Address, str]) -> list[str]:
    """The nodes at these addresses; an address that is no node's stands for itself."""
    return [nodes.get(address) or f"{address[0]}:{address[1]}" for address in addresses]


def described(args: tuple[Any, ...]) -> tuple[str, str | None, Any]:
    """Name, key and input of a command."""
    name, *rest = args
    words = (name.decode() if isinstance(name, bytes) else str(name)).upper().split()
    if words[0] in SECRET:
        return " ".join(words), None, None
    key = None
    if rest and words[0] not in KEYLESS:
        first, *rest = rest
        key = str(bounded(first))
    given = rest[0] if len(rest) == 1 else rest or None
    return " ".join(words), key, bounded(given)


def replied(reply: Any) -> Any:
    """A reply as it is recorded: `OK` as the server said it, an error among several as its text."""
    if reply is True:
        return "OK"
    if isinstance(reply, list):
        return [replied(one) for one in reply[:100]]
    if isinstance(reply, dict):
        return {str(bounded(name)): bounded(value) for name, value in [*reply.items()][:100]}
    return bounded(reply)


@functools.cache
def _counting(kind: type[Any]) -> type[Any]:
    """That class of connection, counting what it sends."""
    if kind is redis.Connection:
        return CountingConnection
    return type(f"Counting{kind.__name__}", (CountingConnection, kind), {})
