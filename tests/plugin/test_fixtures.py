"""Every fixture does what its docstring says, on real servers, with and without xdist."""

from __future__ import annotations

import pytest

EVERY_FIXTURE = """
import asyncio, os, subprocess, sys
import pytest, redis


def test_topology_knows_roles_and_nodes(redis_topology):
    assert [node.name for node in redis_topology.nodes] == ["n0", "n1", "n2"]
    assert [node.name for node in redis_topology.sentinels] == ["s0", "s1", "s2"]
    assert redis_topology.primary.name == "n0"
    assert {node.name for node in redis_topology.replicas} == {"n1", "n2"}
    redis_topology.settled(within_s=5)
    with redis_topology.client() as client:
        assert client.role()[0] == b"master"


def test_client_talks_to_the_primary_through_its_proxy(redis_client, redis_topology):
    assert redis_client.set("k", "v") and redis_client.get("k") == b"v"
    peer = redis_client.connection_pool.connection_kwargs
    assert (peer["host"], peer["port"]) == redis_topology.primary.proxied != redis_topology.primary.direct


def test_sentinel_knows_every_sentinel_and_finds_the_primary(redis_sentinel, redis_topology):
    assert len(redis_sentinel.sentinels) == 3
    assert redis_sentinel.discover_master(redis_topology.master_name) == redis_topology.primary.proxied
    client = redis_sentinel.master_for(redis_topology.master_name)
    assert client.set("k", "v")
    client.close()
    client.connection_pool.disconnect()


def test_urls_lead_to_one_node_by_two_ways(redis_url, redis_direct_url, faults):
    assert redis_url != redis_direct_url
    with redis.from_url(redis_url) as through, redis.from_url(redis_direct_url, socket_timeout=1) as past:
        through.set("k", "v")
        assert past.get("k") == b"v"
        with faults.down("primary"):
            assert past.get("k") == b"v"
            with pytest.raises(redis.ConnectionError):
                through.get("k")
        assert through.get("k") == b"v"


BOT = "import os, redis; redis.from_url(os.environ['REDIS_URL']).set('bot', os.environ['REDIS_SENTINELS'])"


def test_env_is_enough_for_a_bot_in_another_process(redis_env, redis_client, redis_topology, redis_url):
    assert redis_env["REDIS_URL"] == redis_url
    assert (redis_env["REDIS_HOST"], int(redis_env["REDIS_PORT"])) == redis_topology.primary.proxied
    assert redis_env["REDIS_SENTINEL_MASTER"] == redis_topology.master_name
    subprocess.run([sys.executable, "-c", BOT], env={**os.environ, **redis_env}, check=True, timeout=30)
    assert redis_client.get("bot").decode() == redis_env["REDIS_SENTINELS"]


@pytest.mark.arbredis(topology="dual", password="pw")
def test_env_names_the_second_redis(redis_env, redis_topology):
    with redis.from_url(redis_env["REDIS_URL"]) as first, redis.from_url(redis_env["REDIS_SECOND_URL"]) as second:
        assert first.set("k", "first") and second.set("k", "second")
        assert (first.get("k"), second.get("k")) == (b"first", b"second")
    at = redis_env["REDIS_SECOND_HOST"], int(redis_env["REDIS_SECOND_PORT"])
    assert at == redis_topology.nodes[1].proxied


@pytest.mark.arbredis(topology="single", conf={"maxmemory": "64mb"})
def test_marker_says_which_topology(redis_topology, redis_client, redis_env):
    assert redis_topology.sentinels == () and len(redis_topology.nodes) == 1
    assert redis_client.config_get("maxmemory") == {"maxmemory": str(64 * 1024**2)}
    assert "REDIS_SENTINELS" not in redis_env


def test_async_client_needs_no_loop_at_set_up(redis_topology):
    async def main():
        async with redis_topology.async_client() as client:
            await client.set("k", "v")
            return await client.get("k")

    assert asyncio.run(main()) == b"v"


def test_tests_with_our_fixtures_are_marked(request, redis_url):
    assert request.node.get_closest_marker("arbredis") is not None


def test_tests_without_are_not(request):
    assert request.node.get_closest_marker("arbredis") is None
"""


@pytest.mark.parametrize(
    "how", [("-p", "no:xdist"), ("-n", "2"), pytest.param(("-n", "0"), marks=pytest.mark.thorough)], ids=" ".join
)
def test_every_fixture_does_what_it_says(inner, pytester, how):
    pytester.makepyfile(EVERY_FIXTURE)
    result = inner(*how)
    result.assert_outcomes(passed=10)
    result.stdout.fnmatch_lines(["arbredis: launcher process (asked for)"])


@pytest.mark.docker
def test_fixtures_work_on_containers(inner, pytester):
    pytester.makepyfile(EVERY_FIXTURE)
    result = inner("--arbredis-launcher=docker", "-p", "no:xdist", "-k", "client or urls or env")
    result.assert_outcomes(passed=5, deselected=5)
    result.stdout.fnmatch_lines(["arbredis: launcher docker (asked for)"])


def test_a_test_finds_nothing_of_the_test_before_it(inner, pytester):
    pytester.makepyfile("""
        def test_dirties_everything(redis_client, redis_topology, faults):
            redis_client.set("left", "over")
            redis_client.config_set("maxmemory-policy", "allkeys-lru")
            redis_client.script_load("return 1")
            faults.latency("replicas", ms=5, expect_unobserved=True)
            faults.crash("primary")
            assert redis_topology.replicas

        def test_promotes_another_primary(redis_client, redis_topology, faults):
            redis_client.set("left", "over")
            faults.failover()
            assert redis_topology.primary.name != "n0"

        def test_sees_a_clean_topology(redis_client, redis_topology):
            assert redis_topology.primary.name == "n0"
            assert redis_client.dbsize() == 0
            assert redis_client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert redis_client.script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db") == [False]
            assert not any(state.toxics for state in redis_topology.deployment.control.proxies().values())
    """)
    inner("-p", "no:xdist").assert_outcomes(passed=3)


def test_teardown_waits_until_the_topology_is_whole(inner, pytester):
    pytester.makeconftest("""
        import pytest
        from pytest_arbredis.topology.settled import look

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_teardown(item):
            yield
            from pytest_arbredis.options import VIEW
            print("WHOLE" if look(item.stash[VIEW].deployment) else "BROKEN")
    """)
    pytester.makepyfile("""
        def test_leaves_faults_in_force(redis_client, faults):
            redis_client.ping()
            faults.replication_cut()
            redis_client.set("k", "v")
            faults.crash("primary")
    """)
    result = inner("-p", "no:xdist", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*WHOLE*"])


def test_overriding_a_fixture_changes_no_other(inner, pytester):
    pytester.makeconftest("""
        import pytest

        @pytest.fixture
        def redis_topology():
            return "mine"

        @pytest.fixture
        def redis_client(redis_url):
            return redis_url

        @pytest.fixture
        def faults(faults):
            return [faults]
    """)
    pytester.makepyfile("""
        import redis

        def test_mine(redis_topology, redis_client, redis_url, redis_env, redis_sentinel, faults):
            assert redis_topology == "mine"
            assert redis_client == redis_url == redis_env["REDIS_URL"]
            assert redis_sentinel.sentinels[0].ping()
            with redis.from_url(redis_url) as client:
                client.ping()
                faults[0].latency("primary", ms=5)
                client.set("k", "v")
    """)
    inner("-p", "no:xdist").assert_outcomes(passed=1)
