"""Asynchronous tests, by asyncio.run, pytest-asyncio and anyio: clients close themselves, faults hold no loop up."""

from __future__ import annotations

PLAIN = """
import asyncio, gc


def test_runs_in_two_loops(redis_async_client):
    async def main():
        await asyncio.gather(*(redis_async_client.set(f"k{n}", "v") for n in range(3)))
        return await redis_async_client.get("k1")

    assert asyncio.run(main()) == asyncio.run(main()) == b"v"


def test_a_call_in_flight_is_left_behind(redis_async_client):
    async def main():
        asyncio.create_task(redis_async_client.blpop("nothing", 1))
        await redis_async_client.ping()

    asyncio.run(main())


def test_a_loop_that_outlives_the_test(redis_async_client, request):
    runner = asyncio.Runner()
    request.session.config.add_cleanup(runner.close)
    assert runner.run(redis_async_client.ping())


def test_closed_by_its_user(redis_async_client):
    async def main():
        async with redis_async_client:
            assert await redis_async_client.ping()

    asyncio.run(main())


def test_of_the_topology(redis_topology):
    async def main():
        return await redis_topology.async_client().get("k")

    assert asyncio.run(main()) is None


def test_unused(redis_async_client):
    assert redis_async_client.connection_pool.connection_kwargs["port"]


def test_nothing_was_left_open():
    gc.collect()
"""


def test_an_asynchronous_client_leaves_nothing_open(inner, pytester):
    pytester.makepyfile(PLAIN)
    inner("-p", "no:xdist").assert_outcomes(passed=7)


FRAMED = """
import asyncio, gc, time
import pytest, redis.asyncio

{mark}

async def test_a_client(redis_async_client):
    await asyncio.gather(*(redis_async_client.set(f"k{{n}}", "v") for n in range(3)))
    assert await redis_async_client.get("k1") == b"v"


@pytest.fixture
async def bot(redis_url):
    async with redis.asyncio.from_url(redis_url) as client:
        yield client


async def test_a_fault_is_met(bot, redis_async_client, faults):
    await bot.set("k", "v")
    async with faults.latency("primary", ms=60) as handle:
        assert handle.evidence
        began = time.monotonic()
        assert await redis_async_client.get("k") == b"v"
        assert time.monotonic() - began >= 0.06


async def test_nothing_was_left_open():
    gc.collect()
"""

STRICT = """
[pytest]
asyncio_mode = strict
asyncio_default_fixture_loop_scope = function
"""


def test_it_works_with_strict_pytest_asyncio(inner, pytester):
    source = FRAMED.format(mark="import pytest_asyncio\npytestmark = pytest.mark.asyncio")
    pytester.makepyfile(source.replace("@pytest.fixture\nasync", "@pytest_asyncio.fixture\nasync"))
    pytester.makeini(STRICT)
    inner("-p", "no:xdist", beside=("asyncio",)).assert_outcomes(passed=3)


def test_it_works_with_automatic_pytest_asyncio_and_loops_of_any_scope(inner, pytester):
    wide = FRAMED.replace("@pytest.fixture\nasync", '@pytest_asyncio.fixture(loop_scope="module")\nasync')
    mark = 'import pytest_asyncio\npytestmark = pytest.mark.asyncio(loop_scope="module")'
    pytester.makepyfile(test_function=FRAMED.format(mark=""), test_module=wide.format(mark=mark))
    pytester.makeini(STRICT.replace("strict", "auto"))
    inner("-p", "no:xdist", beside=("asyncio",)).assert_outcomes(passed=6)


def test_it_works_with_anyio(inner, pytester):
    mark = "pytestmark = pytest.mark.anyio\n\n@pytest.fixture\ndef anyio_backend():\n    return 'asyncio'\n"
    pytester.makepyfile(FRAMED.format(mark=mark))
    inner("-p", "no:xdist", beside=("anyio",)).assert_outcomes(passed=3)


HELD = """
import asyncio, time
import pytest, redis, redis.asyncio
from pytest_arbredis.errors import UsageError


async def worst_gap_s(over):
    worst, last = 0.0, time.monotonic()
    while not over.is_set():
        await asyncio.sleep(0.005)
        worst, last = max(worst, time.monotonic() - last), time.monotonic()
    return worst


def watched(work):
    async def main():
        over = asyncio.Event()
        ticking = asyncio.create_task(worst_gap_s(over))
        try:
            await work()
        finally:
            over.set()
        return await ticking

    assert asyncio.run(main()) < 0.25


def test_a_failover(redis_topology, redis_url, faults):
    async def work():
        async with redis.asyncio.from_url(redis_url) as client:
            await client.set("k", "v")
            began = time.monotonic()
            handle = faults.failover()
            called = time.monotonic() - began
            assert await handle.in_force() is handle
            assert called < 0.1 < 0.5 < time.monotonic() - began
            assert "is master, n0 follows it" in handle.evidence
            await client.connection_pool.disconnect()
            with pytest.raises(redis.exceptions.ReadOnlyError):
                await client.set("k", "w")

    watched(work)


def test_a_crash_and_a_restart(redis_url, faults):
    async def work():
        async with redis.asyncio.from_url(redis_url, socket_timeout=0.3) as client:
            await client.set("k", "v")
            crashed = await faults.crash("primary")
            with pytest.raises(redis.ConnectionError):
                await client.get("k")
            await faults.restart()
            assert crashed.met and not await client.ping() is None

    watched(work)


def test_memory_that_is_full(redis_url, faults):
    async def work():
        async with redis.asyncio.from_url(redis_url) as client, faults.out_of_memory():
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                await client.set("k", "w")

    watched(work)


def test_what_cannot_be_is_told_to_whoever_awaits(redis_url, faults):
    async def work():
        with pytest.raises(UsageError, match="unknown target 'primry'"):
            faults.failover("primry")
        with pytest.raises(UsageError, match="no node is 'crashed'"):
            await faults.restart()

    watched(work)


def test_one_that_nobody_awaited_is_judged(redis_url, faults):
    async def work():
        faults.failover()

    watched(work)
"""


def test_no_fault_holds_the_loop_up(inner, pytester):
    pytester.makepyfile(HELD)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(passed=4, failed=1)
    result.stdout.fnmatch_lines(
        ["FAILED *::test_one_that_nobody_awaited_is_judged - *failover on primary was in force*"]
    )
