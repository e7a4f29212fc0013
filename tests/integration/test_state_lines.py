"""Lines: connections of one's own, for subscriptions."""

from __future__ import annotations

import asyncio
import time

import pytest
import redis
from small_servers import SERVER, started

from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConnectionLostError, RejectedError

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


class Waited:
    def __init__(self, line, runner):
        self._line, self._runner = line, runner

    def send(self, *args):
        return self._runner.run(self._line.send(*args))

    def receive(self, *, within_s):
        return self._runner.run(self._line.receive(within_s=within_s))

    def close(self):
        self._runner.run(self._line.close())


@pytest.fixture(params=["threads", "asyncio"])
def line(request, port):
    settings = Settings(address=("127.0.0.1", port))
    if request.param == "threads":
        with StateRedis(settings) as state:
            line = state.line()
            yield line
            line.close()
    else:
        with asyncio.Runner() as runner:
            state = AsyncStateRedis(settings)
            line = Waited(runner.run(state.line()), runner)
            yield line
            line.close()
            runner.run(state.close())


def test_what_is_published_comes(line, port):
    line.send("SUBSCRIBE", "c")
    assert line.receive(within_s=1) == [b"subscribe", b"c", 1]
    with redis.Redis(port=port) as client:
        client.publish("c", "m")
    assert line.receive(within_s=1) == [b"message", b"c", b"m"]


def test_nothing_in_time_is_none_and_loses_nothing(line, port):
    line.send("SUBSCRIBE", "c")
    line.receive(within_s=1)
    began = time.monotonic()
    assert line.receive(within_s=0.1) is None
    assert 0.09 <= time.monotonic() - began < 0.5
    with redis.Redis(port=port) as client:
        client.publish("c", "x" * 200_000)
    assert line.receive(within_s=1)[2] == b"x" * 200_000


def test_a_refusal_is_raised_and_the_line_goes_on(line):
    line.send("NOSUCHCOMMAND")
    with pytest.raises(RejectedError):
        line.receive(within_s=1)
    line.send("PING")
    assert line.receive(within_s=1) == b"PONG"


def test_a_line_that_was_lost_says_so_and_is_closed(line, port):
    line.send("SUBSCRIBE", "c")
    line.receive(within_s=1)
    with redis.Redis(port=port) as client:
        client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
    with pytest.raises(ConnectionLostError):
        line.receive(within_s=1)
    with pytest.raises(ConnectionLostError) as raised:
        line.send("PING")
    assert raised.value.applied == "no"
    line.close()
