"""A topology stands behind its proxies, waits until it is whole, and is as new after a reset."""

from __future__ import annotations

import signal
import time

import pytest
from server_state import promote_another, state, state_or_none

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError, WaitTimeoutError
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.replication_cut import NOBODY
from pytest_arbredis.proxy.toxics import LatencyToxic
from pytest_arbredis.servers.ports import is_free
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.places import Places
from pytest_arbredis.topology.pool import MOST_ALIVE, DeploymentPool
from pytest_arbredis.topology.settled import MASTER_NAME, look


@pytest.fixture
def fresh(deployment):
    """The state before the test's dirt."""
    return state(deployment)


def kill(node):
    node.server.signal(signal.SIGKILL)
    wait_until(lambda: not node.is_running, within_s=5, what=f"the end of {node.name}")


def test_every_server_stands_behind_its_announced_proxy_and_roles_are_asked_for(deployment):
    primary = deployment.primary()
    replicas = deployment.replicas()
    assert [primary.name, *(node.name for node in replicas)] == ["n0", "n1", "n2"]
    assert [role.role for node in deployment.nodes if (role := node.role())] == ["master", "slave", "slave"]
    told = primary.client.execute_command("ROLE")[2]
    assert sorted((host, int(port)) for host, port, _ in told) == sorted(node.proxied for node in replicas)
    for node in replicas:
        role = node.role()
        assert role is not None
        assert role.primary == primary.proxied != primary.direct
    for sentinel in deployment.sentinels:
        others = {node.proxied for node in deployment.sentinels if node is not sentinel}
        client = sentinel.client
        assert client.sentinel_get_master_addr_by_name(MASTER_NAME) == primary.proxied
        seen = {(replica["ip"], int(replica["port"])) for replica in client.sentinel_slaves(MASTER_NAME)}
        assert seen == {node.proxied for node in replicas}
        assert {(other["ip"], int(other["port"])) for other in client.sentinel_sentinels(MASTER_NAME)} == others
    promote_another(deployment)
    deployment.settled()
    assert deployment.primary() is not primary
    assert primary in deployment.replicas()


def test_targets_are_resolved_when_they_are_asked_for(deployment):
    assert [node.name for node in deployment.resolve("replicas")] == ["n1", "n2"]
    assert [node.name for node in deployment.resolve("replica")] == ["n1"]
    assert [node.name for node in deployment.resolve("sentinels")] == ["s0", "s1", "s2"]
    with pytest.raises(UsageError, match=r"no node is 'crashed'"):
        deployment.resolve("crashed")
    with pytest.raises(UsageError, match=r"unknown node 'n7'"):
        deployment.resolve("n7")
    kill(deployment.node("n2"))
    assert [node.name for node in deployment.resolve("crashed")] == ["n2"]
    assert [node.name for node in deployment.resolve("replicas")] == ["n1"]


def test_settled_says_within_its_deadline_what_is_missing(deployment):
    cut = deployment.node("n2")
    cut.client.execute_command("REPLICAOF", *map(str, NOBODY))
    began = time.monotonic()
    with pytest.raises(WaitTimeoutError, match=r"n2 does not follow n0 yet") as caught:
        deployment.settled(within_s=0.5)
    assert 0.5 <= time.monotonic() - began < 2
    assert "1 primary, 2 replicas, 3 Sentinels" in str(caught.value)
    cut.client.execute_command("REPLICAOF", *map(str, deployment.primary().proxied))
    deployment.settled()
    assert look(deployment)


def saw(deployment, missing):
    """A look names it, once nothing else is missing for a moment: replicas may be some bytes behind at any time."""
    wait_until(lambda: look(deployment).missing.startswith(missing), within_s=10, what=missing)


def test_settled_sees_a_toxic_a_dead_sentinel_and_a_sentinel_that_watches_nothing(deployment):
    deployment.control.add_toxic("n1", LatencyToxic(latency_ms=1), name="left")
    saw(deployment, "the proxy of n1 is not as at the start")
    deployment.control.remove_toxic("n1", "left")
    deployment.sentinels[1].client.sentinel_remove(MASTER_NAME)
    saw(deployment, "s1: does not monitor the primary yet")
    kill(deployment.sentinels[2])
    saw(deployment, "s2 does not run (exit status ")


def dirty_data(deployment):
    client = deployment.nodes[0].client
    client.set("left", "behind")
    client.execute_command("SELECT", 3)
    client.set("left", "behind")
    client.execute_command("SELECT", 0)
    client.script_load("return 1")


def paused_clients(deployment):
    for node in deployment.nodes:
        node.client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")


def config_set(deployment):
    for node in deployment.nodes:
        node.client.config_set("maxmemory", "77mb")
        node.client.config_set("maxmemory-policy", "allkeys-lru")


def config_that_a_sentinel_wrote_to_the_file(deployment):
    config_set(deployment)
    before = promote_another(deployment)
    text = before.server.spec.directory / "redis.conf"
    wait_until(lambda: "allkeys-lru" in text.read_text(), within_s=5, what="the Sentinel's CONFIG REWRITE")


def config_that_is_left_in_the_file_only(deployment):
    client = deployment.nodes[1].client
    client.config_set("maxmemory", "77mb")
    client.config_rewrite()
    client.config_set("maxmemory", "0")


def toxics_and_proxies(deployment):
    control = deployment.control
    control.add_toxic("n0", LatencyToxic(latency_ms=40), name="left")
    control.disable("n2")
    control.set_upstream("s1", f"127.0.0.1:{deployment.spare_port}")
    control.delete("n1")


def paused_primary_and_sentinel(deployment):
    for name in ("n0", "s1"):
        deployment.node(name).server.signal(signal.SIGSTOP)


def crashed_primary(deployment):
    deployment.nodes[0].client.set("left", "behind")
    kill(deployment.nodes[0])


def crashed_sentinel_that_came_back(deployment):
    sentinel = deployment.sentinels[1]
    kill(sentinel)
    sentinel.server.start()
    deployment.await_answering(sentinel)
    deployment.settled()


def sentinel_set(deployment):
    client = deployment.sentinels[0].client
    client.sentinel_set(MASTER_NAME, "quorum", 3)
    client.sentinel_set(MASTER_NAME, "down-after-milliseconds", 60_000)
    deployment.sentinels[2].client.sentinel_remove(MASTER_NAME)


DIRT = (
    dirty_data,
    paused_clients,
    config_set,
    config_that_a_sentinel_wrote_to_the_file,
    config_that_is_left_in_the_file_only,
    toxics_and_proxies,
    paused_primary_and_sentinel,
    crashed_primary,
    crashed_sentinel_that_came_back,
    sentinel_set,
)


@pytest.mark.parametrize("dirt", DIRT, ids=lambda dirt: dirt.__name__)
def test_after_a_reset_nothing_differs_from_a_fresh_deployment(pool, deployment, fresh, dirt):
    dirt(deployment)
    assert state_or_none(deployment) != fresh
    assert pool.take(deployment.spec) is deployment
    assert state(deployment) == fresh


def test_a_poisoned_deployment_is_rebuilt_and_at_most_two_are_alive(launcher, tmp_path):
    with DeploymentPool(Means(launcher=launcher), places=Places(folder=tmp_path / "places", count=2)) as pool:
        assert_rebuilt_and_at_most_two(pool)


def assert_rebuilt_and_at_most_two(pool):
    first = pool.take(topologies.single())
    port = first.nodes[0].direct[1]
    assert pool.take(topologies.single()) is first
    first.poisoned = "for this test"
    second = pool.take(topologies.single())
    assert second is not first
    assert is_free(port) or second.nodes[0].direct[1] == port
    others = [pool.take(topologies.single(conf={"maxclients": str(900 + count)})) for count in range(MOST_ALIVE)]
    assert not second.nodes[0].is_running
    assert all(other.nodes[0].is_running for other in others)
    assert len(pool._alive) == MOST_ALIVE
    alone = pool.take(topologies.single(conf={"maxclients": "950"}), alone=True)
    assert alone.nodes[0].is_running
    assert not any(other.nodes[0].is_running for other in others)


def test_a_reset_that_fails_is_an_error_of_the_harness_and_the_pool_rebuilds(pool):
    spec = topologies.single()
    stubborn = pool.take(spec)
    client = stubborn.nodes[0].client
    client.execute_command("ACL", "SETUSER", "default", "off")
    client.connection_pool.disconnect()
    assert pool.take(spec) is not stubborn
    assert "Authentication" in stubborn.poisoned


def test_a_failover_that_nobody_waited_for_does_not_outlive_a_reset(pool, deployment, fresh, nemesis):
    nemesis.inject(Failover(), "primary")
    assert pool.take(deployment.spec) is deployment
    assert state(deployment) == fresh
