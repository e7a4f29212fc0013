"""Servers as processes: started, signalled, watched, ended; and errors that name cause, culprit and log."""

from __future__ import annotations

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import (
    HarnessError,
    MissingBinaryError,
    PortTakenError,
    ServerDiedError,
    UsageError,
    WaitTimeoutError,
)
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.ports import claim, is_free
from pytest_arbredis.servers.process import ProcessLauncher
from pytest_arbredis.servers.redis import await_redis, find_redis, redis_conf
from pytest_arbredis.servers.sentinel import sentinel_conf

HOST = "127.0.0.1"


@pytest.fixture
def slot():
    with claim(16) as slot:
        yield slot


@pytest.fixture
def launcher(tmp_path):
    binary = find_redis()
    with ProcessLauncher({"redis": binary, "sentinel": binary}, root=tmp_path) as launcher:
        yield launcher


@pytest.fixture
def node(tmp_path, launcher, slot):
    """Makes the specification of a redis with a directory of its own."""

    def make(name, port=None, lines="", **extra):
        port = port or slot.take()
        directory = tmp_path / name
        directory.mkdir()
        settings = {key.replace("_", "-"): value for key, value in extra.items()}
        conf = redis_conf(
            port=port,
            directory=directory,
            announce=None,
            replica_of=None,
            extra=settings,
            version=launcher.version("redis"),
        )
        (directory / "redis.conf").write_text(conf + lines)
        return ServerSpec(name=name, kind="redis", args=("redis.conf",), directory=directory, port=port)

    return make


def await_all(servers):
    for server in servers:
        await_redis(server, address=(HOST, server.spec.port))


def ask(port, *words, within_s=2.0):
    """The first line of a server's reply; None if it does not answer."""
    try:
        with socket.create_connection((HOST, port), timeout=within_s) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(4096).split(b"\r\n")[0]
    except TimeoutError:
        return None


def test_servers_start_together_answer_and_end_with_close(launcher, node):
    servers = launcher.launch([node("a"), node("b"), node("c")])
    await_all(servers)
    assert [ask(server.spec.port, "PING") for server in servers] == [b"+PONG"] * 3
    assert len({server.pid for server in servers}) == 3
    supervisor = launcher.supervisor.pid
    launcher.close()
    launcher.close()
    assert [server.exit_status() for server in servers] == [-9, -9, -9]
    assert [server.pid for server in servers] == [None, None, None]
    assert all(is_free(server.spec.port) for server in servers)
    with pytest.raises(ProcessLookupError):
        os.kill(supervisor, 0)
    with pytest.raises(HarnessError, match="closed"):
        launcher.launch([])


def test_a_sentinel_starts_from_the_same_binary_and_can_be_told_of_a_primary(launcher, node, slot, tmp_path):
    (primary,) = launcher.launch([node("primary")])
    directory = tmp_path / "sentinel"
    directory.mkdir()
    port = slot.take()
    (directory / "sentinel.conf").write_text(sentinel_conf(port=port, directory=directory))
    args = ("sentinel.conf", "--sentinel")
    spec = ServerSpec(name="sentinel", kind="sentinel", args=args, directory=directory, port=port)
    (sentinel,) = launcher.launch([spec])
    await_all([primary, sentinel])
    assert ask(port, "SENTINEL", "get-master-addr-by-name", "arbredis") == b"*-1"
    assert ask(port, "SENTINEL", "MONITOR", "arbredis", HOST, str(primary.spec.port), "1") == b"+OK"
    assert ask(port, "SENTINEL", "get-master-addr-by-name", "arbredis") == b"*2"


def test_a_crash_shows_its_status_and_the_server_can_be_started_again(launcher, node):
    (server,) = launcher.launch([node("a")])
    await_all([server])
    first = server.pid
    server.signal(signal.SIGKILL)
    wait_until(lambda: server.exit_status() is not None, within_s=5, what="the crash")
    assert server.exit_status() == -9
    assert server.pid is None
    with pytest.raises(HarnessError, match=r"a does not run \(exit status -9\): SIGTERM cannot be sent"):
        server.signal(signal.SIGTERM)
    server.start()
    await_all([server])
    assert server.exit_status() is None
    assert server.pid != first
    assert server.log_path.read_text().count("Redis is starting") == 2


def test_a_running_server_is_not_started_twice(launcher, node):
    (server,) = launcher.launch([node("a")])
    with pytest.raises(HarnessError, match="runs already"):
        server.start()


def test_an_orderly_end_is_told_from_a_crash(launcher, node):
    (server,) = launcher.launch([node("a")])
    await_all([server])
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.exit_status() is not None, within_s=15, what="the shutdown")
    assert server.exit_status() == 0
    assert "bye bye" in server.log_tail(3)


def test_a_stopped_server_is_silent_and_answers_again_when_continued(launcher, node):
    (server,) = launcher.launch([node("a")])
    await_all([server])
    server.signal(signal.SIGSTOP)
    assert ask(server.spec.port, "PING", within_s=0.2) is None
    assert server.exit_status() is None
    server.signal(signal.SIGCONT)
    assert ask(server.spec.port, "PING") == b"+PONG"


def test_a_stopped_server_ends_with_close(launcher, node):
    (server,) = launcher.launch([node("a")])
    await_all([server])
    server.signal(signal.SIGSTOP)
    launcher.close()
    assert is_free(server.spec.port)


def test_forgotten_servers_are_gone_and_the_others_stay(launcher, node):
    servers = launcher.launch([node("a"), node("b"), node("c")])
    await_all(servers)
    launcher.forget(servers[:2])
    launcher.forget(servers[:2])
    assert [server.exit_status() for server in servers] == [-9, -9, None]
    assert is_free(servers[0].spec.port)
    assert ask(servers[2].spec.port, "PING") == b"+PONG"
    with pytest.raises(HarnessError, match="given up by its launcher"):
        servers[0].start()


def test_two_launchers_live_side_by_side(launcher, node, tmp_path):
    with ProcessLauncher({"redis": find_redis()}, root=tmp_path / "other") as other:
        (theirs,) = other.launch([node("b")])
        (ours,) = launcher.launch([node("a")])
        await_all([ours, theirs])
        launcher.forget([theirs])
        assert ask(theirs.spec.port, "PING") == b"+PONG"
    assert theirs.exit_status() == -9
    assert ask(ours.spec.port, "PING") == b"+PONG"


def test_a_server_with_a_broken_line_tells_its_last_log_lines_and_their_path(launcher, node):
    (server,) = launcher.launch([node("broken", lines="maxmemory-policy nonsense\n")])
    with pytest.raises(ServerDiedError) as caught:
        await_redis(server, address=(HOST, server.spec.port))
    message = str(caught.value)
    assert "broken (redis) ended with exit status 1" in message
    assert "maxmemory-policy nonsense" in message
    assert str(server.log_path) in message
    assert "remedy" in message


def test_a_foreign_listener_on_the_port_is_named(launcher, node, slot):
    with socket.create_server((HOST, slot.take())) as foreign:
        port = foreign.getsockname()[1]
        (server,) = launcher.launch([node("late", port=port)])
        with pytest.raises(PortTakenError) as caught:
            await_redis(server, address=(HOST, port))
    assert f"port {port}" in str(caught.value)
    if sys.platform == "linux":
        assert f"pid {os.getpid()} (" in str(caught.value)


def test_another_redis_on_the_port_is_not_taken_for_ours(launcher, node):
    (first,) = launcher.launch([node("first")])
    await_all([first])
    (second,) = launcher.launch([node("second", port=first.spec.port)])
    with pytest.raises(PortTakenError) as caught:
        await_redis(second, address=(HOST, first.spec.port))
    if sys.platform == "linux":
        assert f"pid {first.pid} (" in str(caught.value)


def test_a_redis_that_answers_from_elsewhere_is_not_ours_even_while_ours_lives(launcher, node):
    first, second = launcher.launch([node("first"), node("second")])
    await_all([first, second])
    with pytest.raises(PortTakenError, match=r"a Redis with the configuration .*first"):
        await_redis(second, address=(HOST, first.spec.port))


def test_a_server_with_a_password_is_ready_with_and_without_it(launcher, node):
    first, second = launcher.launch([node("a", requirepass='p "w'), node("b", requirepass="secret")])
    await_redis(first, address=(HOST, first.spec.port), password='p "w')  # noqa: S106 - the test's own
    await_redis(first, address=(HOST, first.spec.port))
    await_redis(second, address=(HOST, second.spec.port))
    if sys.platform == "linux":
        with pytest.raises(PortTakenError, match="wants a password"):
            await_redis(second, address=(HOST, first.spec.port))


def test_a_server_that_does_not_answer_is_reported_with_what_was_last_seen(launcher, node):
    (server,) = launcher.launch([node("a")])
    await_all([server])
    server.signal(signal.SIGSTOP)
    with pytest.raises(WaitTimeoutError, match=r"waited 0\.2 s for a \(pid \d+\).*TimeoutError"):
        await_redis(server, address=(HOST, server.spec.port), within_s=0.2)


def test_a_failed_launch_leaves_none_of_its_servers(launcher, node, tmp_path):
    good, bad = node("good"), node("bad")
    gone = ServerSpec(name="gone", kind="redis", args=bad.args, directory=tmp_path / "missing", port=bad.port)
    with pytest.raises(HarnessError, match="could not spawn"):
        launcher.launch([good, gone])
    assert is_free(good.port)
    assert launcher._servers == []


def test_a_missing_binary_and_an_unknown_kind_are_told_before_anything_starts(tmp_path, node):
    spec = node("a")
    with ProcessLauncher({"redis": Path("/nowhere/redis-server")}, root=tmp_path) as launcher:
        with pytest.raises(MissingBinaryError, match="/nowhere/redis-server"):
            launcher.launch([spec])
        with pytest.raises(UsageError, match="no binary for 'toxiproxy'"):
            launcher.version("toxiproxy")


def test_the_version_is_that_of_the_binary(launcher):
    version = launcher.version("redis")
    assert version == launcher.version("sentinel")
    assert int(version.split(".")[0]) >= 6


def test_configured_values_arrive_as_they_were_meant(launcher, node):
    (server,) = launcher.launch([node("a", save="900 1 300 10", maxmemory="10mb", maxmemory_policy="allkeys-lru")])
    await_all([server])
    with socket.create_connection((HOST, server.spec.port), timeout=2) as connection:
        connection.sendall(b"CONFIG GET save\r\nCONFIG GET maxmemory-policy\r\nCONFIG GET maxmemory\r\nPING\r\n")
        with connection.makefile("rb") as replies:
            lines = list(iter(lambda: replies.readline().strip(), b"+PONG"))
    assert {b"900 1 300 10", b"allkeys-lru", b"10485760"} <= set(lines)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a killed parent")
def test_servers_of_a_killed_supervisor_are_gone_and_close_still_works(launcher, node):
    servers = launcher.launch([node("a"), node("b")])
    await_all(servers)
    os.kill(launcher.supervisor.pid, signal.SIGKILL)
    ports = [server.spec.port for server in servers]
    wait_until(lambda: all(is_free(port) for port in ports), within_s=2, what="both servers to die with it")
    with pytest.raises(HarnessError, match="has ended, and its servers with it"):
        servers[0].exit_status()
    launcher.close()
