"""The fixture `faults`: in force when called, healed at the end, and a test that met nothing has failed."""

from __future__ import annotations

MET = """
import pytest, redis


@pytest.fixture
def bot(redis_url):
    with redis.from_url(redis_url, socket_timeout=0.5) as client:
        client.set("k", "v")
        yield client


def test_latency(bot, faults):
    faults.latency("primary", ms=30)
    bot.get("k")


@pytest.mark.parametrize("fault", ["down", "reset", "limit_data", "pause", "crash"])
def test_unreachable(bot, faults, fault):
    with getattr(faults, fault)("primary") as handle:
        assert handle.evidence and handle.nodes == ("n0",)
        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            bot.set("k", "w")


def test_replies_lost_behind_the_handshake(bot, faults):
    with faults.limit_data("primary", after_handshake=True), pytest.raises(redis.ConnectionError):
        bot.set("k", "w")


def test_replication_cut(bot, faults, redis_topology):
    faults.replication_cut()
    assert bot.set("k", "unreplicated")
    assert all(node.client.get("k") == "v" for node in redis_topology.replicas)


def test_failover(bot, faults, redis_topology):
    faults.failover()
    assert redis_topology.primary.name != "n0"


def test_out_of_memory(bot, faults):
    with faults.out_of_memory(), pytest.raises(redis.exceptions.OutOfMemoryError):
        bot.set("k", "w")
    assert bot.set("k", "w")


def test_restart_needs_nobody_to_meet_it(bot, faults):
    faults.crash("replica", expect_unobserved=True)
    faults.restart("crashed")


def test_a_crash_that_a_restart_ended_was_met(bot, faults):
    faults.crash("primary")
    with pytest.raises(redis.ConnectionError):
        bot.get("k")
    faults.restart()
"""


def test_every_fault_is_met_by_an_ordinary_client(inner, pytester):
    pytester.makepyfile(MET)
    inner("-p", "no:xdist").assert_outcomes(passed=12)


NONE_MET = (
    "but none of your operations met it: did your code connect elsewhere? "
    "(expect_unobserved=True if that is what you want)"
)

UNMET = """
import pytest


def test_nothing_met_it(redis_url, faults):
    faults.latency("primary", ms=40)


def test_nothing_met_the_second(redis_client, faults):
    redis_client.ping()
    faults.latency("primary", ms=5)
    redis_client.set("k", "v")
    faults.crash("replica")


def test_connected_elsewhere(redis_direct_url, faults):
    import redis
    with redis.from_url(redis_direct_url) as client, faults.down("primary"):
        client.ping()


def test_slow_elsewhere(redis_direct_url, faults):
    import redis
    with redis.from_url(redis_direct_url) as client, faults.latency("primary", ms=40):
        client.set("k", "v")


def test_said_so(redis_url, faults):
    faults.latency("primary", ms=40, expect_unobserved=True)


def test_fails_for_its_own_reason(redis_url, faults):
    faults.latency("primary", ms=40)
    raise AssertionError("of its own")
"""


def test_a_fault_that_nothing_met_fails_the_test(inner, pytester):
    pytester.makepyfile(UNMET)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(failed=5, passed=1, errors=0)
    result.stdout.fnmatch_lines(
        [
            f"latency on primary was in force (n0: probe * ms against * ms directly), {NONE_MET}",
            "crash on replica was in force (n?: exit status -9, port * refuses connections), but none of your *",
            "FAILED *::test_nothing_met_it - *latency on primary was in force (*",
            "FAILED *::test_nothing_met_the_second - *crash on replica was in force (*",
            "FAILED *::test_connected_elsewhere - *down on primary was in force (*",
            "FAILED *::test_slow_elsewhere - *latency on primary was in force (*",
            "FAILED *::test_fails_for_its_own_reason - AssertionError: of its own",
        ]
    )


def test_names_that_nobody_knows_are_told_with_the_known_ones(inner, pytester):
    pytester.makepyfile("""
        import pytest
        from pytest_arbredis.errors import UsageError

        def test_targets(faults):
            with pytest.raises(UsageError, match="(?s)unknown target 'primry'.*crashed.*primary.*replicas"):
                faults.crash("primry")
            with pytest.raises(UsageError, match="(?s)unknown node 'n7'.*n0, n1, n2"):
                faults.crash("n7")
            with pytest.raises(UsageError, match="whole milliseconds"):
                faults.latency("primary", ms=0)
    """)
    inner("-p", "no:xdist").assert_outcomes(passed=1)


def test_a_fault_without_effect_is_an_error_of_the_harness(inner, pytester):
    pytester.makepyfile("""
        from pytest_arbredis.faults.latency import Latency

        def test_nothing_was_injected(redis_client, faults, monkeypatch):
            monkeypatch.setattr(Latency, "inject", lambda self, site: lambda: None)
            faults.latency("primary", ms=50)
    """)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ERROR *::test_nothing_was_injected - *no probe saw its effect*"])


ASYNC = """
import asyncio, time
import pytest, redis


async def worst_gap_s(over):
    worst, last = 0.0, time.monotonic()
    while not over.is_set():
        await asyncio.sleep(0.005)
        worst, last = max(worst, time.monotonic() - last), time.monotonic()
    return worst


@pytest.mark.parametrize(("fault", "settings"), [("latency", {"ms": 60}), ("pause", {})])
def test_a_fault_does_not_hold_the_loop(redis_topology, redis_url, faults, fault, settings):
    async def main():
        over = asyncio.Event()
        ticking = asyncio.create_task(worst_gap_s(over))
        async with redis.asyncio.from_url(redis_url) as client:
            await client.set("k", "v")
            async with getattr(faults, fault)("primary", **settings) as handle:
                assert handle.evidence
                if fault == "latency":
                    assert await client.get("k") == b"v"
                else:
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(client.get("k"), 0.1)
            await client.connection_pool.disconnect()
            assert await client.get("k") == b"v"
        over.set()
        return await ticking

    assert asyncio.run(main()) < 0.25


def test_a_plain_call_in_a_coroutine_is_in_force_when_it_returns(redis_url, faults):
    async def main():
        async with redis.asyncio.from_url(redis_url) as client:
            await client.set("k", "v")
            faults.latency("primary", ms=60)
            began = time.monotonic()
            await client.get("k")
            return time.monotonic() - began

    assert asyncio.run(main()) >= 0.06
"""


def test_faults_in_a_coroutine(inner, pytester):
    pytester.makepyfile(ASYNC.replace("import pytest, redis", "import pytest, redis, redis.asyncio"))
    inner("-p", "no:xdist").assert_outcomes(passed=3)
