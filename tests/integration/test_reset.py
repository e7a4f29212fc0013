"""A test may dirty everything: after the reset the servers are like those of a fresh deployment, or replaced."""

from __future__ import annotations

import contextlib
import difflib
import socket
import time

import pytest
import redis
from server_state import comparable, promote_another, state, state_or_none

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UnhealedError, WaitTimeoutError
from pytest_arbredis.proxy.toxics import LatencyToxic
from pytest_arbredis.topology import reset
from pytest_arbredis.topology.deploy import deploy_with
from pytest_arbredis.topology.settled import MASTER_NAME

GUARDED = topologies.sentinel(password="a test's own")  # noqa: S106 - it is
ON_PROCESSES = pytest.mark.parametrize("launcher", ["process"], indirect=True, scope="session")
LIBRARY = "#!lua name=left\nredis.register_function('left', function() return 1 end)"


def agreed(one, other):
    """The state that two deployments have in common."""
    return wait_until(
        lambda: (state_of := comparable(one, state(one))) == comparable(other, state(other)) and state_of,
        within_s=10,
        what="two alike deployments",
    )


def soon(deployment, expected):
    """The lines by which the state differs, as soon as none does: Sentinels connect a little after they agree."""

    def differing():
        found = comparable(deployment, state(deployment))
        return list(difflib.unified_diff(expected.splitlines(), found.splitlines(), n=4))

    with contextlib.suppress(WaitTimeoutError):
        wait_until(lambda: not differing(), within_s=5, what="the same state")
    return differing()


@contextlib.contextmanager
def strangers(node):
    """Connections that a test leaves behind: blocked, subscribed, listening to all, tracking, in a transaction."""
    opening = (
        "BLPOP nothing 0",
        "SUBSCRIBE channel",
        "MONITOR",
        "CLIENT NO-EVICT on",
        "CLIENT TRACKING on",
        "MULTI",
    )
    with contextlib.ExitStack() as undo:
        opened = [undo.enter_context(socket.create_connection(node.proxied, timeout=5)) for _ in opening]
        for connection, command in zip(opened, opening, strict=True):
            if node.login.password:
                connection.sendall(b'AUTH "a test\'s own"\r\n')
                assert connection.recv(5) == b"+OK\r\n"
            connection.sendall(command.encode() + b"\r\n")
        wait_until(lambda: node.client.info("clients")["blocked_clients"] == 1, within_s=5, what="a blocked client")
        yield opened


def dirty(deployment):
    """Everything that can be changed at run time, and then a failover."""
    first = deployment.nodes[0]
    # Without a password the harness is the default user: one that shut it out would have the deployment replaced.
    changed = ("reset", "on", "nopass", "~a*", "+@read") if first.login.password else ("-debug", "(~x +get)")
    first.client.set("left", "behind")
    first.client.function_load(LIBRARY)
    first.client.script_load("return 1")
    for node in deployment.nodes:
        client = node.client
        client.config_set("maxmemory", "77mb")
        client.config_set("min-replicas-to-write", "1")
        client.config_set("replica-priority", str(10 * (3 - int(node.name[1]))))
        client.execute_command("ACL", "SETUSER", "left", "on", ">behind", "~left:*", "&*", "+@all", "(+get ~*)")
        client.execute_command("ACL", "SETUSER", "default", *changed)
        client.config_rewrite()
    promote_another(deployment)
    for node in deployment.sentinels[:2]:
        client = node.client
        client.sentinel_set(MASTER_NAME, "parallel-syncs", 2)
        client.sentinel_monitor("another", *first.proxied, 1)
        client.execute_command("SENTINEL", "CONFIG", "SET", "resolve-hostnames", "yes")
    deployment.sentinels[2].client.execute_command("ACL", "SETUSER", "left", "on", "nopass", "+@all")
    deployment.sentinels[2].client.execute_command("SENTINEL", "DEBUG", "info-period", "5000")
    for node in deployment.nodes:
        node.client.execute_command("CLIENT", "PAUSE", "60000", "WRITE")
    deployment.control.disable("s1")
    # Toxiproxy may take seconds to remove a toxic from a connection that holds data: here it has no connection.
    deployment.control.add_toxic("s1", LatencyToxic(latency_ms=40), name="left")


def test_everything_that_a_test_dirtied_is_like_a_fresh_deployment_after_the_reset(pool):
    assert_like_a_fresh_one(pool, topologies.sentinel())


@ON_PROCESSES
def test_the_same_with_a_password_though_the_default_user_was_shut_out(pool):
    assert_like_a_fresh_one(pool, GUARDED)


def assert_like_a_fresh_one(pool, spec):
    """Dirty everything, reset, and compare with a deployment that nobody touched."""
    deployment = pool.take(spec)
    with deploy_with(spec, pool.chosen) as fresh:
        expected = agreed(fresh, deployment)
    with strangers(deployment.nodes[0]) as left:
        dirty(deployment)
        assert comparable(deployment, state_or_none(deployment)) != expected
        assert len(reset.differences(deployment)) > 10
        assert pool.take(spec) is deployment, deployment.poisoned
        for connection in left:
            connection.settimeout(5)
            assert ended(connection)
    assert not "\n".join(soon(deployment, expected))


def ended(connection):
    """Whatever it was told before, the connection was closed."""
    try:
        while connection.recv(65536):
            pass
    except ConnectionError:
        pass
    return True


@ON_PROCESSES
def test_a_difference_that_stays_is_named_and_poisons(pool, monkeypatch):
    deployment = pool.take(topologies.single())
    deployment.nodes[0].client.config_set("maxmemory", "77mb")
    monkeypatch.setattr(reset, "_restore", lambda *_: None)
    with pytest.raises(UnhealedError, match=r"n0: maxmemory is '80740352' instead of '0'"):
        deployment.reset()
    assert "maxmemory" in deployment.poisoned
    monkeypatch.undo()
    assert pool.take(topologies.single()) is not deployment


@ON_PROCESSES
def test_a_reset_server_has_evicted_nothing(pool):
    client = pool.take(topologies.single()).nodes[0].client
    client.set("evicted", "soon")
    client.config_set("maxmemory-policy", "allkeys-random")
    client.config_set("maxmemory", 1)
    wait_until(lambda: client.info("stats")["evicted_keys"], within_s=5, what="an eviction")
    assert pool.take(topologies.single()).nodes[0].client.info("stats")["evicted_keys"] == 0


@ON_PROCESSES
def test_a_changed_password_is_set_back_and_never_told(pool):
    deployment = pool.take(GUARDED)
    host, port = deployment.nodes[0].proxied
    deployment.nodes[0].client.config_set("requirepass", "another one")
    told = " ".join(reset.differences(deployment))
    assert "requirepass" in told
    assert "another" not in told
    assert pool.take(GUARDED) is deployment
    client = redis.Redis(host, port, **deployment.login.options())
    assert client.ping()
    client.close()


@ON_PROCESSES
def test_an_untouched_deployment_is_reset_within_the_goal(pool):
    deployment = pool.take(topologies.sentinel())
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        deployment.reset()
        taken.append(time.perf_counter() - began)
    assert sorted(taken)[2] < 0.3
