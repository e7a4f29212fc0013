"""Nothing outlives its owner: whoever is killed, whenever, and whatever else is still running."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_arbredis._clock import CLOCK, wait_until
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.servers import supervision
from pytest_arbredis.servers.ports import claim, is_free
from pytest_arbredis.servers.process import Supervisor

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc")
GONE_WITHIN_S = 2.0

OWNER = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # where the tests run in the background it is ignored
from pathlib import Path
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.process import ProcessLauncher
from pytest_arbredis.servers.redis import await_redis, find_redis, redis_conf

root, first, mode = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
launcher = ProcessLauncher({"redis": find_redis()}, root=root)
version = launcher.version("redis")
specs = []
for index in range(4):
    directory = root / f"node{index}"
    directory.mkdir()
    conf = redis_conf(
        port=first + index, directory=directory, announce=None, replica_of=None, extra={}, version=version
    )
    (directory / "redis.conf").write_text(conf)
    spec = ServerSpec(name="redis", kind="redis", args=("redis.conf",), directory=directory, port=first + index)
    specs.append(spec)
print("begin", flush=True)
if mode == "churn":
    while True:
        servers = launcher.launch(specs)
        launcher.forget(servers[:2])
        for server in servers[2:]:
            await_redis(server, address=("127.0.0.1", server.spec.port))
        launcher.forget(servers)
servers = launcher.launch(specs)
for server in servers:
    await_redis(server, address=("127.0.0.1", server.spec.port))
if mode == "fork" and (child := os.fork()) == 0:
    signal.pause()
try:
    print("ready", child if mode == "fork" else "", flush=True)
    while True:
        signal.pause()
except KeyboardInterrupt:
    print("interrupted", [server.exit_status() for server in servers], flush=True)
    launcher.close()
"""


@pytest.fixture
def slot():
    with claim(8) as slot:
        yield slot


@pytest.fixture
def owner(tmp_path, slot):
    """Starts a Python process that owns four servers, in a session of its own."""
    started = []

    def start(mode):
        process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(tmp_path), str(slot.first), mode],
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        started.append(process)
        assert process.stdout.readline() == "begin\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def servers_in(root):
    """Command lines of the processes that work in a directory under `root`, by pid."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str((process / "cwd").readlink()).startswith(str(root)):
                found[int(process.name)] = (process / "cmdline").read_bytes()
        except OSError:
            continue
    return found


def supervisors_of(pid):
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(pid).encode() in words and any(word.endswith(b"supervisor.py") for word in words):
            found.append(int(process.name))
    return found


def nothing_is_left(root, pid, slot):
    ports = range(slot.first, slot.first + slot.size)
    return not servers_in(root) and not supervisors_of(pid) and all(is_free(port) for port in ports)


def await_nothing_left(root, pid, slot):
    wait_until(
        lambda: nothing_is_left(root, pid, slot),
        within_s=GONE_WITHIN_S,
        what="every process and port of the owner to be gone",
    )


@linux
@pytest.mark.parametrize("instant", range(10))
def test_sigkill_of_the_owner_at_a_random_instant_leaves_nothing(owner, tmp_path, slot, instant):
    process = owner("churn")
    CLOCK.sleep(random.Random(instant).uniform(0, 0.25))
    process.kill()
    process.wait()
    await_nothing_left(tmp_path, process.pid, slot)


@linux
def test_sigkill_of_the_owner_of_ready_servers_leaves_nothing(owner, tmp_path, slot):
    process = owner("rest")
    assert process.stdout.readline().startswith("ready")
    assert len(servers_in(tmp_path)) == 4
    assert len(supervisors_of(process.pid)) == 1
    assert not nothing_is_left(tmp_path, process.pid, slot)
    process.kill()
    process.wait()
    await_nothing_left(tmp_path, process.pid, slot)


@linux
def test_a_fork_that_keeps_the_channel_open_does_not_keep_the_servers(owner, tmp_path, slot):
    process = owner("fork")
    fork = int(process.stdout.readline().split()[1])
    try:
        process.kill()
        process.wait()
        assert Path(f"/proc/{fork}").exists()
        await_nothing_left(tmp_path, process.pid, slot)
    finally:
        os.kill(fork, signal.SIGKILL)


@linux
def test_ctrl_c_reaches_the_owner_but_not_its_servers(owner, tmp_path, slot):
    process = owner("rest")
    assert process.stdout.readline().startswith("ready")
    os.killpg(process.pid, signal.SIGINT)
    assert process.stdout.readline() == "interrupted [None, None, None, None]\n"
    process.wait()
    assert nothing_is_left(tmp_path, process.pid, slot)


@linux
def test_sigkill_of_the_supervisor_leaves_nothing_and_is_told(tmp_path):
    with Supervisor() as supervisor:
        for name in "abc":
            supervisor.spawn(["/bin/sleep", "600"], cwd=tmp_path, log=tmp_path / f"{name}.log")
        assert len(servers_in(tmp_path)) == 3
        os.kill(supervisor.pid, signal.SIGKILL)
        wait_until(lambda: not servers_in(tmp_path), within_s=GONE_WITHIN_S, what="the children to die with it")
        with pytest.raises(HarnessError, match="has ended, and its servers with it"):
            supervisor.kill_many([])


def test_a_signal_does_not_end_the_supervisor(tmp_path):
    with Supervisor() as supervisor:
        pid = supervisor.spawn(["/bin/sleep", "600"], cwd=tmp_path, log=tmp_path / "log")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(supervisor.pid, number)
        assert supervisor.status(pid) is None


def test_children_have_default_signals_an_own_session_and_no_input(tmp_path):
    script = (
        "import os, signal, sys; print(os.getsid(0) == os.getpid(), sys.stdin.read() == '', "
        "signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, signal.getsignal(signal.SIGHUP) is signal.SIG_DFL, "
        "os.environ.get('MARK'))"
    )
    with Supervisor() as supervisor:
        command = [sys.executable, "-I", "-S", "-c", script]
        pid = supervisor.spawn(command, cwd=tmp_path, log=tmp_path / "log", env={"MARK": "here"})
        wait_until(lambda: supervisor.status(pid) is not None, within_s=10, what="the child to end")
        assert supervisor.status(pid) == 0
    assert (tmp_path / "log").read_text() == "True True True True here\n"


@linux
def test_what_a_server_forked_dies_with_it(tmp_path):
    with Supervisor() as supervisor:
        command = ["/bin/sh", "-c", "sleep 600 & sleep 600; true"]
        pid = supervisor.spawn(command, cwd=tmp_path, log=tmp_path / "log")
        wait_until(lambda: len(servers_in(tmp_path)) == 3, within_s=5, what="the shell to fork twice")
        supervisor.kill_many([pid])
        assert supervisor.status(pid) == -signal.SIGKILL
        wait_until(lambda: not servers_in(tmp_path), within_s=GONE_WITHIN_S, what="the forked children to be gone")


def test_what_cannot_be_executed_is_an_error_with_its_cause(tmp_path):
    with Supervisor() as supervisor:
        with pytest.raises(HarnessError, match="No such file or directory"):
            supervisor.spawn(["/nowhere/redis-server"], cwd=tmp_path, log=tmp_path / "log")
        with pytest.raises(HarnessError, match="was not started here"):
            supervisor.status(os.getpid())
        with pytest.raises(HarnessError, match="was not started here"):
            supervisor.signal(os.getpid(), signal.SIGKILL)


def test_an_answer_that_nobody_waits_for_any_more_is_dropped(tmp_path):
    with Supervisor() as supervisor:
        pid = supervisor.spawn(["/bin/sleep", "600"], cwd=tmp_path, log=tmp_path / "log")
        supervisor._channel.sendall(b'{"id": 0, "do": "kill_many", "pids": []}\n')  # its caller was interrupted
        assert supervisor.status(pid) is None
        supervisor.kill_many([pid])
        assert supervisor.status(pid) == -9


def test_close_reaps_the_supervisor_and_removes_its_trees(tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    supervisor = Supervisor()
    supervisor.start()
    supervisor.remove_tree_on_exit(tree)
    pid = supervisor.pid
    supervisor.close()
    supervisor.close()
    assert not tree.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(HarnessError, match="does not run"):
        supervisor.kill_many([])


SWEEP = """
from __future__ import annotations
from pathlib import Path

def remove_containers(host: str, label: str) -> int:
    log = Path({log!r})
    with log.open("a") as out:
        print(host, label, file=out)
    calls = len(log.read_text().splitlines())
    if calls == 1:
        raise ConnectionError("engine is busy")
    return 2 if calls == 2 else 0
"""


@pytest.fixture
def swept(tmp_path, monkeypatch):
    """A supervisor beside a sweep that fails, then removes two, then none; it notes each call in the file given."""
    log = tmp_path / "sweeps"
    script = tmp_path / "supervisor.py"
    script.write_text(supervision.SCRIPT.read_text())
    (tmp_path / "sweep.py").write_text(SWEEP.format(log=str(log)))
    monkeypatch.setattr(supervision, "SCRIPT", script)
    return log


def test_guarded_containers_are_swept_until_none_is_left(swept):
    with Supervisor() as supervisor:
        supervisor.guard_containers("unix:///x.sock", "arbredis.run=1")
    assert swept.read_text().splitlines() == ["unix:///x.sock arbredis.run=1"] * 3


@linux
def test_containers_of_a_dead_owner_are_swept_until_none_appears_any_more(swept):
    owner_script = (
        "import sys, os; from pathlib import Path; from pytest_arbredis.servers import supervision\n"
        f"supervision.SCRIPT = Path({str(supervision.SCRIPT)!r}); supervisor = supervision.Supervisor()\n"
        "supervisor.start(); supervisor.guard_containers('host', 'label'); "
        "supervisor.creating().__enter__(); os._exit(0)"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    owner = subprocess.Popen([sys.executable, "-c", owner_script], env=env)
    owner.wait()
    wait_until(lambda: not supervisors_of(owner.pid), within_s=10, what="the supervisor to end")
    assert len(swept.read_text().splitlines()) >= 4
