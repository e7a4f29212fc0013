"""`redis_context()`: a redis-py client on one borrowed connection, which always goes back."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading

import pytest
import redis
from small_servers import SERVER, started

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.context import redis_context
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.deadline import deadline
from pytest_arbredis.state.errors import DeadlineExceededError, MisuseError, WrongTypeError

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def settings(port):
    with redis.Redis(port=port) as client:
        client.flushall()
    return Settings(address=("127.0.0.1", port), max_connections=2)


def test_commands_give_what_redis_py_gives(settings):
    with StateRedis(settings) as state, redis_context(state, decode_responses=True) as client:
        assert client.set("k", "v", ex=10) is True
        assert client.get("k") == "v"
        assert client.hset("h", mapping={"a": 1, "b": 2}) == 2
        assert client.hgetall("h") == {"a": "1", "b": "2"}
        assert client.zadd("z", {"m": 1.5}) == 1
        assert client.zrange("z", 0, -1, withscores=True) == [("m", 1.5)]
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert sorted(client.scan_iter()) == ["h", "k", "z"]
        assert client.info("server")["redis_version"]
        assert client.register_script("return ARGV[1]")(args=["x"]) == "x"
        with pytest.raises(WrongTypeError):
            client.lpop("k")
        assert state.calls.pool.free == 1
    assert state.calls.pool.free == 2


def test_pipelines_are_transactions_or_batches(settings):
    with StateRedis(settings) as state, redis_context(state) as client:
        with client.pipeline() as pipe:
            assert pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, b"2"]
        pipe = client.pipeline(transaction=False)
        was_set, wrong, got = pipe.set("a", 1).lpop("a").get("a").execute(raise_on_error=False)
        assert (was_set, got) == (True, b"1")
        assert isinstance(wrong, WrongTypeError)


def test_a_watched_key_that_changed_is_redis_pys_watch_error(settings):
    with StateRedis(settings) as state, redis_context(state) as client, redis_context(state) as other:
        with client.pipeline() as pipe:
            pipe.watch("k")
            assert pipe.get("k") is None
            other.set("k", "other")
            pipe.multi()
            pipe.set("k", "mine")
            with pytest.raises(redis.WatchError):
                pipe.execute()
        assert client.get("k") == b"other"
        assert client.transaction(lambda pipe: pipe.multi() or pipe.set("k", "mine"), "k") == [True]


def test_a_watch_that_was_lost_with_its_connection_is_a_watch_error_too(settings):
    with StateRedis(settings) as state, redis_context(state) as client, redis_context(state) as other:
        with client.pipeline() as pipe:
            pipe.watch("k")
            other.execute_command("CLIENT KILL", "TYPE", "normal", "SKIPME", "yes")
            pipe.multi()
            pipe.set("k", "mine")
            with pytest.raises(redis.WatchError):
                pipe.execute()
        assert other.get("k") is None


def test_what_a_borrower_did_to_the_connection_is_not_seen_by_the_next(settings):
    with StateRedis(settings) as state:
        with redis_context(state) as client:
            client.execute_command("SELECT", 3)
            client.set("k", "in 3")
        with redis_context(state) as first, redis_context(state) as second:
            assert (first.get("k"), second.get("k")) == (None, None)


def test_a_client_is_of_no_use_after_its_context(settings):
    with StateRedis(settings) as state:
        with redis_context(state) as client:
            pass
        with pytest.raises(MisuseError, match="has ended"):
            client.get("k")
        assert state.calls.pool.free == 2


def test_subscriptions_are_for_lines(settings):
    with StateRedis(settings) as state, redis_context(state) as client, pytest.raises(MisuseError, match="line"):
        client.pubsub().subscribe("c")


def test_two_tasks_cannot_share_a_context(settings):
    async def both():
        async with AsyncStateRedis(settings) as state, redis_context(state) as client:
            return await asyncio.gather(client.get("a"), client.get("b"), return_exceptions=True)

    got, refused = asyncio.run(both())
    assert got is None
    assert isinstance(refused, MisuseError)


def test_a_blocking_command_has_its_own_time_on_top(settings):
    with StateRedis(settings) as state, redis_context(state) as client:
        assert client.blpop(["nothing"], timeout=2.1) is None


def test_the_same_in_asyncio(settings):
    async def run():
        async with AsyncStateRedis(settings) as state:
            async with redis_context(state, decode_responses=True) as client:
                assert await client.set("k", "v") is True
                assert await client.get("k") == "v"
                assert await client.hset("h", mapping={"a": 1}) == 1
                assert await client.hgetall("h") == {"a": "1"}
                async with client.pipeline() as pipe:
                    assert await pipe.set("a", 1).incr("a").execute() == [True, 2]
                async with client.pipeline() as pipe:
                    await pipe.watch("k")
                    async with redis_context(state) as other:
                        await other.set("k", "other")
                    pipe.multi()
                    pipe.set("k", "mine")
                    with pytest.raises(redis.WatchError):
                        await pipe.execute()
                assert [key async for key in client.scan_iter("h")] == ["h"]
            assert state.calls.pool.free == 2

    asyncio.run(run())


def test_a_cancelled_borrower_gives_its_connection_back(settings):
    """Cancelled at every step of the loop in turn; a thousand times in all."""

    async def work(state):
        async with redis_context(state) as client:
            for _ in range(3):
                await client.incr("n")
                await client.blpop(["nothing"], timeout=0.001)

    async def run():
        async with AsyncStateRedis(settings) as state:
            for round_ in range(1000):
                task = asyncio.ensure_future(work(state))
                for _ in range(round_ % 40):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
                assert state.calls.pool.free == 2
            assert state.breaker.snapshot().transitions == 0
            async with redis_context(state) as client:
                for value in range(20):
                    await client.set("k", value)
                    assert await client.get("k") == b"%d" % value

    asyncio.run(run())


DEFAULTS = """
import asyncio
from pytest_arbredis.state.connections.context import redis_context

with redis_context() as redis:
    redis.set("k", "threads")

async def main():
    async with redis_context() as redis:
        print(await redis.get("k"))

asyncio.run(main())
asyncio.run(main())
"""


def test_pools_of_the_environment_are_closed_with_their_loop_and_their_process(port):
    env = os.environ | {"REDIS_HOST": "127.0.0.1", "REDIS_PORT": str(port)}
    env.pop("REDIS_URL", None)
    ran = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", DEFAULTS],
        capture_output=True,
        text=True,
        env=env,
        check=False,
        timeout=30,
    )
    assert (ran.returncode, ran.stderr, ran.stdout) == (0, "", "b'threads'\nb'threads'\n")


def test_a_forked_child_does_not_use_its_parents_connections(settings):
    with StateRedis(settings) as state:
        with redis_context(state) as client:
            mine = client.client_id()
        pid = os.fork()
        if pid == 0:
            try:
                with redis_context(state) as client:
                    os._exit(0 if client.client_id() != mine else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        with redis_context(state) as client:
            assert client.ping()


def test_a_fork_leaves_the_loop_of_its_parent_alone(settings, port):
    """An event loop's epoll is shared with the child: what the child takes out of it, the parent loses."""

    async def run():
        async with AsyncStateRedis(settings) as state:
            await state.run(asked("SET", "k", "v"))
            with redis.Redis(port=port) as plain:
                before = {one["id"] for one in plain.client_list()}
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)  # noqa: ASYNC222 - the child has ended, or is about to
            assert await state.run(asked("GET", "k"), within_s=1) == b"v"
            with redis.Redis(port=port) as plain:
                assert len({one["id"] for one in plain.client_list()} & before) == 1

    asyncio.run(run())


def asked(*args):
    return (yield Command(*args))


def test_threads_share_a_pool_through_contexts(settings):
    with StateRedis(settings) as state:
        seen = []

        def work(number):
            for step in range(50):
                with redis_context(state) as client:
                    client.set(f"k{number}", step)
                    seen.append(client.get(f"k{number}") == b"%d" % step)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [True] * 300
        assert state.calls.pool.free == 2


def test_a_deadline_holds_inside_a_context(settings):
    with StateRedis(settings) as state, redis_context(state) as client:
        client.ping()
        with deadline(0.1), pytest.raises(DeadlineExceededError):
            client.blpop(["nothing"], timeout=1)
        assert client.ping()
