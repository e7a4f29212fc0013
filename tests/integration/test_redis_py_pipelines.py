"""Pipelines, transactions and scripts in which something failed: the outcome against what the server holds."""

from __future__ import annotations

import asyncio

import pytest
import redis
import redis.asyncio
from small_servers import SERVER, started

from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.replies import outcome_of_replies

pytestmark = pytest.mark.skipif(SERVER is None, reason="no redis-server on PATH")

COMMANDS = {
    "partly": (("SET", "a", "1"), ("LPUSH", "text", "x"), ("SET", "b", "2")),
    "all refused": (("LPUSH", "text", "x"), ("HSET", "text", "f", "v")),
    "one refused": (("LPUSH", "text", "x"),),
    "script": (("EVAL", "redis.call('SET', 'a', '1') return redis.call('LPUSH', 'text', 'x')", 0),),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def server(port):
    """With a key of another type than its commands want."""
    with redis.Redis(port=port, decode_responses=True) as client:
        client.flushall()
        client.set("text", "t")
        yield client


def run(port, commands, *, transaction, raises):
    with redis.Redis(port=port) as client, client.pipeline(transaction=transaction) as pipeline:
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute(raise_on_error=raises)


def run_asyncio(port, commands, *, transaction, raises):
    async def whole():
        client = redis.asyncio.Redis(port=port)
        try:
            async with client.pipeline(transaction=transaction) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return await pipeline.execute(raise_on_error=raises)
        finally:
            await client.connection_pool.disconnect()

    return asyncio.run(whole())


EXPECTED = {
    "partly": (True, "unknown", "unknown"),
    "all refused": (False, "unknown", "fail"),  # only the first error is raised: the others are not to be seen
    "one refused": (False, "fail", "fail"),
    "script": (True, "unknown", "unknown"),
}
"""Whether anything was applied; the outcome by the error that is raised, and by all replies."""


@pytest.mark.parametrize("runs", [run, run_asyncio])
@pytest.mark.parametrize("raises", [True, False])
@pytest.mark.parametrize("transaction", [True, False])
@pytest.mark.parametrize("what", EXPECTED)
def test_the_outcome_of_a_pipeline_is_what_the_server_holds(server, port, runs, what, transaction, raises):  # noqa: PLR0917 - of parameters
    applied, raised, replied = EXPECTED[what]
    commands = COMMANDS[what]
    if raises:
        with pytest.raises(redis.ResponseError) as caught:
            runs(port, commands, transaction=transaction, raises=True)
        if "{exception.args}" in str(caught.value):
            raised = "unknown"  # redis-py 6.4's asyncio writes this in place of what the server said
        assert classify(caught.value, attempts=1, commands=len(commands)) == raised
    else:
        replies = runs(port, commands, transaction=transaction, raises=False)
        assert outcome_of_replies(replies, attempts=1) == replied
    assert server.type("text") == "string"
    assert (server.get("a") == "1") is applied


@pytest.mark.parametrize("runs", [run, run_asyncio])
def test_a_transaction_that_was_discarded_when_it_was_queued_is_not_applied(server, port, runs):
    server.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis.ResponseError, match="of pipeline caused error") as caught:
            runs(port, (("DEL", "text"), ("SET", "a", "1")), transaction=True, raises=True)
    finally:
        server.config_set("maxmemory", "0")
    assert classify(caught.value, attempts=1, commands=2) == "fail"
    assert (server.get("text"), server.get("a")) == ("t", None)


@pytest.mark.parametrize("runs", [run, run_asyncio])
def test_a_pipeline_without_a_transaction_is_applied_in_part_where_memory_ran_out(server, port, runs):
    server.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis.OutOfMemoryError) as caught:
            runs(port, (("DEL", "text"), ("SET", "a", "1")), transaction=False, raises=True)
    finally:
        server.config_set("maxmemory", "0")
    assert classify(caught.value, attempts=1, commands=2) == "unknown"
    assert (server.get("text"), server.get("a")) == (None, None)
