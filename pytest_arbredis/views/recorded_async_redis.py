"""A `redis.asyncio.Redis` that records what it does, as `recorded_redis.py` has it for the other one.

Tasks are processes of the history. A pipeline is one operation; what a subscription receives is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import redis.asyncio
from redis.asyncio.client import Pipeline

from pytest_arbredis.load.replies import error_in_replies, outcome_of_replies
from pytest_arbredis.subjects.counting_asyncio import counted, counting_asyncio
from pytest_arbredis.views.recorded_redis import described, names_of, replied

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from pytest_arbredis.subjects.counting import Count
    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.views.recording import Complete, OperationRecorder


class RecordedAsyncRedis(redis.asyncio.Redis):
    """The library's client. `recorder` and `nodes` are given by `recorded_async`."""

    recorder: OperationRecorder
    nodes: Mapping[Address, str]

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """One command, recorded."""
        name, key, given = described(args)
        with counted() as count, self.recording(count, name, key=key, input=given) as complete:
            reply = await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
            complete(replied(reply))
        return reply

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> Pipeline:  # noqa: FBT001, FBT002 - the library's
        """A pipeline that is recorded as one operation."""
        made = RecordedAsyncPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        made.owner = self
        return made

    def recording(self, count: Count, name: str, **said: Any) -> AbstractContextManager[Complete]:
        """Record one operation, of which `count` knows how often and to whom it was sent."""
        return self.recorder.recording(name, sent=lambda: (count.attempts, names_of(count.tried, self.nodes)), **said)


class RecordedAsyncPipeline(Pipeline):
    """The library's pipeline. `owner` is given by its client."""

    owner: RecordedAsyncRedis

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - the library's signature
        """All commands in the pipeline, recorded as one operation."""
        names = [described(args)[0] for args, _ in self.command_stack]
        whole = "MULTI" if self.is_transaction or self.explicit_transaction else "PIPELINE"
        recording = self.owner.recording
        with counted() as count, recording(count, whole, input=[*names], commands=len(names)) as complete:
            replies: list[Any] = await super().execute(raise_on_error)
            outcome = outcome_of_replies(replies, attempts=count.attempts)
            complete(replied(replies), outcome=outcome, error=error_in_replies(replies))
        return replies

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """A command beside the transaction, while watching."""
        name, key, given = described(args)
        with counted() as count, self.owner.recording(count, name, key=key, input=given) as complete:
            reply = await super().immediate_execute_command(*args, **options)  # type: ignore[no-untyped-call]
            complete(replied(reply))
        return reply


def recorded_async(
    recorder: OperationRecorder, address: Address, *, nodes: Mapping[Address, str], **settings: Any
) -> RecordedAsyncRedis:
    """An unconnected client with the library's defaults that records into `recorder`; `nodes` names the addresses."""
    client = RecordedAsyncRedis(host=address[0], port=address[1], **settings)
    kind: Any = client.connection_pool.connection_class
    client.connection_pool.connection_class = counting_asyncio(kind)
    client.recorder = recorder
    client.nodes = nodes
    return client
