"""Servers as containers: started, signalled, watched, ended; and nothing stays behind, whatever ends the owner."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import (
    EngineUnreachableError,
    HarnessError,
    MissingImageError,
    ServerDiedError,
    UsageError,
)
from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.servers.images import Reason, engine
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.owners import OWNER, PID, STARTED, owner_labels, process_start
from pytest_arbredis.servers.ports import claim, is_free
from pytest_arbredis.servers.readiness import await_redis
from pytest_arbredis.servers.redis import redis_conf
from pytest_arbredis.servers.sweep import ask, list_containers, remove_containers
from pytest_arbredis.servers.toxiproxy import await_toxiproxy, config_json, toxiproxy_args

pytestmark = pytest.mark.docker

HOST = "127.0.0.1"
GONE_WITHIN_S = 5.0


@pytest.fixture(scope="module")
def found():
    found = engine()
    if isinstance(found, Reason):
        pytest.skip(f"no containers here: {found.cause}")
    return found


@pytest.fixture
def launcher(found, tmp_path):
    from pytest_arbredis.servers.docker import DockerLauncher

    with DockerLauncher(found.images, root=tmp_path) as launcher:
        yield launcher


@pytest.fixture
def slot():
    with claim(16) as slot:
        yield slot


@pytest.fixture
def node(tmp_path, slot):
    """Makes the specification of a redis with a directory of its own."""

    def make(name, lines=""):
        directory = tmp_path / name
        directory.mkdir()
        port = slot.take()
        conf = redis_conf(port=port, directory=directory, announce=None, replica_of=None, extra={}, version="7.0.15")
        (directory / "redis.conf").write_text(conf + lines)
        return ServerSpec(name=name, kind="redis", args=("redis.conf",), directory=directory, port=port)

    return make


def await_all(servers):
    for server in servers:
        await_redis(server, address=(HOST, server.spec.port))


def ask_redis(server, *words, within_s=2.0):
    """The first line of a server's reply; None if it does not answer."""
    try:
        with socket.create_connection((HOST, server.spec.port), timeout=within_s) as connection:
            connection.sendall(" ".join(words).encode() + b"\r\n")
            return connection.recv(4096).split(b"\r\n")[0]
    except TimeoutError:
        return None


def left(found, label):
    return list_containers(found.host, label)


def test_redis_and_toxiproxy_start_together_and_are_gone_after_close(found, launcher, node, tmp_path, slot):
    directory = tmp_path / "toxiproxy"
    directory.mkdir()
    port, nonce = slot.take(), secrets.token_hex(4)
    (directory / "proxies.json").write_text(config_json({}, nonce=nonce))
    args = toxiproxy_args(port, directory / "proxies.json")
    proxy = ServerSpec(name="toxiproxy", kind="toxiproxy", args=args, directory=directory, port=port)
    servers = launcher.launch([node("n0"), node("n1"), proxy])
    await_all(servers[:2])
    await_toxiproxy(servers[2], ToxiproxyClient((HOST, port)), nonce=nonce)
    assert [server.spec.name for server in servers] == ["n0", "n1", "toxiproxy"]
    assert all(server.pid and server.exit_status() is None for server in servers)
    assert len(left(found, launcher.label)) == 3
    launcher.close()
    launcher.close()
    assert left(found, launcher.label) == []
    assert all(is_free(server.spec.port) for server in servers)
    with pytest.raises(HarnessError, match="closed"):
        launcher.launch([])


def test_a_killed_server_starts_again_with_its_data_and_its_log(launcher, node):
    (server,) = launcher.launch([node("n0")])
    await_all([server])
    first = server.pid
    assert ask_redis(server, "SET", "kept", "1") == b"+OK"
    assert ask_redis(server, "SAVE") == b"+OK"
    server.signal(signal.SIGKILL)
    assert server.exit_status() == -signal.SIGKILL
    assert server.pid is None
    with pytest.raises(HarnessError, match="does not run"):
        server.signal(signal.SIGTERM)
    server.start()
    await_all([server])
    assert ask_redis(server, "EXISTS", "kept") == b":1"
    assert server.pid not in {None, first}
    assert server.log_path.read_text().count("Ready to accept connections") == 2
    assert server.log_path == server.spec.directory / "n0.log"
    with pytest.raises(HarnessError, match="runs already"):
        server.start()


def test_files_that_a_server_writes_belong_to_the_caller(launcher, node):
    (server,) = launcher.launch([node("n0")])
    await_all([server])
    assert ask_redis(server, "SAVE") == b"+OK"
    owners = {(path.stat().st_uid, path.stat().st_gid) for path in server.spec.directory.iterdir()}
    assert owners == {(os.getuid(), os.getgid())}


def test_a_stopped_server_is_silent_but_runs_until_it_is_continued(launcher, node):
    (server,) = launcher.launch([node("n0")])
    await_all([server])
    server.signal(signal.SIGSTOP)
    assert ask_redis(server, "PING", within_s=0.2) is None
    assert server.exit_status() is None
    server.signal(signal.SIGCONT)
    assert ask_redis(server, "PING") == b"+PONG"


def test_a_server_that_ends_by_itself_tells_its_status(launcher, node):
    (server,) = launcher.launch([node("n0")])
    await_all([server])
    server.signal(signal.SIGTERM)
    wait_until(lambda: server.exit_status() is not None, within_s=10, what="redis to end")
    assert server.exit_status() == 0


def test_a_server_that_dies_at_its_start_is_reported_with_its_log(launcher, node):
    (server,) = launcher.launch([node("n0", lines="no-such-directive 1\n")])
    with pytest.raises(ServerDiedError, match=r"(?s)exit status 1.*no-such-directive"):
        await_all([server])


def test_forgotten_servers_are_gone_and_keep_their_log(found, launcher, node):
    first, second = launcher.launch([node("n0"), node("n1")])
    await_all([first, second])
    second.signal(signal.SIGSTOP)
    launcher.forget([first, second])
    launcher.forget([first, second])
    assert left(found, launcher.label) == []
    assert (first.exit_status(), first.pid) == (-signal.SIGKILL, None)
    assert "Ready to accept connections" in first.log_tail()
    with pytest.raises(HarnessError, match="given up"):
        first.start()


def test_a_container_that_somebody_removed_has_ended(found, launcher, node):
    (server,) = launcher.launch([node("n0")])
    remove_containers(found.host, launcher.label)
    assert server.exit_status() == -signal.SIGKILL
    assert server.log_tail() == ""
    launcher.forget([server])


def test_if_one_cannot_be_started_none_stays(found, launcher, node, tmp_path):
    launcher._images["sentinel"] = found.images["toxiproxy"]
    broken = ServerSpec(name="s0", kind="sentinel", args=(), directory=tmp_path, port=1)
    with pytest.raises(HarnessError, match=r"(?s)start a container for s0.*redis-server"):
        launcher.launch([node("n0"), broken])
    assert left(found, launcher.label) == []


def test_the_version_is_that_of_the_server_in_the_image(launcher):
    for kind in ("redis", "toxiproxy"):
        assert launcher.version(kind) == launcher._ask_version(kind)


@pytest.mark.usefixtures("found")
def test_a_missing_image_is_told_at_once_and_never_pulled(tmp_path, node):
    from pytest_arbredis.servers.docker import DockerLauncher

    began = time.monotonic()
    with DockerLauncher({"redis": "arbredis/nowhere:1"}, root=tmp_path) as launcher:
        with pytest.raises(MissingImageError, match=r"(?s)arbredis/nowhere:1.*docker/build"):
            launcher.launch([node("n0")])
        with pytest.raises(UsageError, match="no image for 'toxiproxy'"):
            launcher.version("toxiproxy")
    assert time.monotonic() - began < 2
    reason = engine(redis_image="arbredis/nowhere:1")
    assert isinstance(reason, Reason)
    assert isinstance(reason.error(), MissingImageError)


def test_an_engine_that_does_not_answer_is_an_error_with_a_remedy(tmp_path):
    from pytest_arbredis.servers.docker import DockerLauncher

    with pytest.raises(EngineUnreachableError, match=r"(?s)nobody\.sock.*process launcher"):
        DockerLauncher({}, root=tmp_path, host=f"unix://{tmp_path}/nobody.sock")


def test_no_ryuk_is_started_and_its_configuration_is_left_alone(launcher, node, monkeypatch):
    """Its image is not present here: testcontainers would pull it."""
    from testcontainers.core.config import testcontainers_config
    from testcontainers.core.container import Reaper

    monkeypatch.setattr(testcontainers_config, "ryuk_disabled", False)
    launcher.launch([node("n0")])
    assert Reaper._instance is None
    assert testcontainers_config.ryuk_disabled is False


def test_the_containers_of_owners_that_are_gone_are_swept_and_no_others(found, launcher):
    def create(labels):
        wanted = {"Image": found.images["toxiproxy"], "Labels": labels}
        return ask(found.host, "POST", "/containers/create", wanted)["Id"]

    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        started = process_start(process.pid)
        process.communicate(b"\n")
    nonce = secrets.token_hex(4)
    mine = owner_labels(nonce)
    try:
        living = create(mine)
        dead = create(mine | {PID: str(process.pid), STARTED: started})
        assert launcher.sweep_dead_owners() >= 1
        remaining = {container["Id"] for container in left(found, f"{OWNER}={nonce}")}
        assert remaining == {living}
        assert dead not in remaining
    finally:
        remove_containers(found.host, f"{OWNER}={nonce}")


OWNER_SCRIPT = """
import sys
from pathlib import Path
from pytest_arbredis.servers.docker import DockerLauncher
from pytest_arbredis.servers.images import engine
from pytest_arbredis.servers.launcher import ServerSpec

root = Path(sys.argv[1])
launcher = DockerLauncher(engine().images, root=root)
print(launcher.label, flush=True)
specs = [
    ServerSpec(name=f"n{port}", kind="redis", args=("--port", port), directory=root, port=int(port))
    for port in sys.argv[2:]
]
launcher.launch(specs)
print("launched", flush=True)
input()
"""


@pytest.mark.parametrize("moment", ["in-the-middle-of-a-launch", "when-all-are-up"])
def test_an_owner_that_is_killed_leaves_no_container(found, tmp_path, slot, moment):
    ports = [slot.take() for _ in range(4)]
    command = [sys.executable, "-c", OWNER_SCRIPT, str(tmp_path), *map(str, ports)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True) as owner:
        label = owner.stdout.readline().decode().strip()
        if moment == "when-all-are-up":
            assert owner.stdout.readline() == b"launched\n"
            assert len(left(found, label)) == 4
        else:
            wait_until(lambda: left(found, label), within_s=10, what="the first container", every_s=0.002)
        owner.kill()
    try:
        quiet_since = None

        def gone_for_good():
            """A creation may have been under way: none, and none again half a second later."""
            nonlocal quiet_since
            if left(found, label):
                quiet_since = None
            elif quiet_since is None:
                quiet_since = time.monotonic()
            return quiet_since is not None and time.monotonic() - quiet_since > 0.5

        wait_until(gone_for_good, within_s=GONE_WITHIN_S, what="no container of a killed owner", every_s=0.05)
        assert all(is_free(port) for port in ports)
    finally:
        remove_containers(found.host, label)
