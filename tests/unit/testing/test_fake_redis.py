"""Servers in memory: their faults that need no server to compare with; the others are in `test_lines.py`."""

from __future__ import annotations

import pytest
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import ReadOnlyError

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.clock import ManualClock
from pytest_arbredis.testing.fake_redis import FakeServers


@pytest.fixture
def servers():
    return FakeServers(ManualClock(), replicas=2)


@pytest.fixture
def line(servers):
    return servers.dialer(timeout_s=1.0).primary()


def ask(line, *words):
    line.send(*words)
    return line.receive()


def test_a_command_takes_its_time_and_latency_is_added(servers, line):
    ask(line, "SET", "key", "value")
    began_ns = servers.clock.now_ns()
    ask(line, "GET", "key")
    servers.inject("latency", "primary", {"ms": 200})
    between_ns = servers.clock.now_ns()
    ask(line, "GET", "key")
    slow_ns = servers.clock.now_ns() - between_ns
    assert slow_ns - (between_ns - began_ns) == 200 * NS_PER_MS
    servers.heal("latency", "primary")
    healed_ns = servers.clock.now_ns()
    ask(line, "GET", "key")
    assert servers.clock.now_ns() - healed_ns == between_ns - began_ns


def test_replicas_that_are_cut_off_fall_behind_and_catch_up_when_healed(servers, line):
    assert servers.inject("replication_cut", "replicas", {}) == ("n1", "n2")
    ask(line, "SET", "key", "value")
    assert ask(line, "WAIT", "1", "50") == 0
    assert "key" not in servers.nodes[1].data.values
    servers.heal("replication_cut", "replicas")
    assert [node.data.values["key"] for node in servers.nodes] == ["value"] * 3


def test_an_empty_restart_ends_connections_and_takes_all_data(servers, line):
    ask(line, "SET", "key", "value", "EX", "60")
    servers.inject("empty_restart", "primary", {})
    with pytest.raises(LostError):
        ask(line, "GET", "key")
    assert ask(servers.dialer(timeout_s=1.0).primary(), "GET", "key") is None
    assert not any(node.data.values or node.data.expires_ms for node in servers.nodes)


def test_a_line_that_was_closed_says_so(line):
    ask(line, "SET", "key", "value")
    line.close()
    with pytest.raises(LostError):
        line.send("GET", "key")


def test_a_replica_that_may_write_keeps_it_to_itself():
    servers = FakeServers(ManualClock(), replicas=1, writable=True)
    assert ask(servers.dialer(timeout_s=1.0).replica(), "SET", "key", "value") == "OK"
    assert servers.value("key") is None


def test_what_it_does_not_know_is_refused_with_what_it_does(servers, line):
    with pytest.raises(UsageError, match="replication_cut"):
        servers.inject("replicaton_cut", "replicas", {})
    with pytest.raises(UsageError, match="GET"):
        line.send("GTE", "key")


def test_after_a_failover_the_old_primary_follows_the_new_one_and_has_hung_up(servers, line):
    ask(line, "SET", "key", "value")
    assert servers.inject("failover", "primary", {}) == ("n0",)
    with pytest.raises(LostError):
        ask(line, "GET", "key")
    dialer = servers.dialer(timeout_s=1.0)
    new, old = dialer.primary(), dialer.to("n0")
    assert new.node == "n1"
    ask(new, "SET", "key", "later")
    assert ask(old, "GET", "key") == "later"
    with pytest.raises(ReadOnlyError):
        ask(old, "SET", "key", "other")
