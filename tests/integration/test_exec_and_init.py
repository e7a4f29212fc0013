"""`arbredis exec`, `arbredis init` and `arbredis drill --subject`, as their users meet them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.cli.main import status_of
from pytest_arbredis.servers.toxiproxy import user_cache

CACHE = str(user_cache().parent)


def command(*arguments):
    return [sys.executable, "-m", "pytest_arbredis.cli", *arguments]


def run(folder, *arguments):
    env = {**os.environ, "ARBREDIS_LAUNCHER": "process", "XDG_CACHE_HOME": CACHE}
    return subprocess.run(
        command(*arguments), cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which the command is called in this process, where a process of its own would show nothing more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARBREDIS_LAUNCHER", "process")
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    return tmp_path


SAYS = """
import os, sys, redis
client = redis.from_url(os.environ["REDIS_URL"])
client.set("k", "v")
print(os.environ["REDIS_URL"], os.environ.get("REDIS_SENTINELS"), client.get("k"), sys.argv[1:], flush=True)
sys.exit(7)
"""

WAITS = """
import os, pathlib, signal, sys, time
def end(number, frame):
    print("got", signal.Signals(number).name, flush=True)
    sys.exit(9)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
print("ready", os.getpid(), os.environ["REDIS_PORT"], flush=True)
time.sleep(60)
"""


def test_a_program_runs_beside_its_servers_and_its_status_is_ours(tmp_path):
    done = run(tmp_path, "exec", "--topology", "single", "--", sys.executable, "-c", SAYS, "--topology", "x")
    assert done.returncode == 7, done.stderr
    assert re.fullmatch(r"redis://127.0.0.1:\d+/0 None b'v' \['--topology', 'x'\]\n", done.stdout)


def listens(port):
    from pytest_arbredis.faults.probe import ping

    return ping(("127.0.0.1", port), timeout_s=0.3).answered


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_signals_reach_the_program_and_then_all_ends(tmp_path, number):
    env = {**os.environ, "ARBREDIS_LAUNCHER": "process"}
    program = subprocess.Popen(
        command("exec", "--topology", "single", "--follow-primary", "--", sys.executable, "-c", WAITS),
        cwd=tmp_path,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, pid, port = program.stdout.readline().split()
        assert listens(int(port))
        os.kill(program.pid, number)
        out, _ = program.communicate(timeout=20)
        assert out == f"got {number.name}\n"
        assert program.returncode == 9
        assert not listens(int(port))
    finally:
        program.kill()
        program.communicate()
    assert not Path(f"/proc/{pid}").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_program_does_not_outlive_a_killed_arbredis(tmp_path):
    program = subprocess.Popen(
        command("exec", "--topology", "single", "--", sys.executable, "-c", WAITS),
        cwd=tmp_path,
        env={**os.environ, "ARBREDIS_LAUNCHER": "process"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, pid, port = program.stdout.readline().split()
    finally:
        program.kill()
        program.communicate()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), within_s=2, what=f"the end of the program, pid {pid}")
    wait_until(lambda: not listens(int(port)), within_s=2, what=f"the end of the servers behind port {port}")


@pytest.mark.parametrize(
    ("arguments", "status", "why"),
    [
        (("--", "/no/such/bot"), 2, "'/no/such/bot' cannot be started: No such file or directory"),
        (("--topology", "ring", "--", "true"), 2, "unknown topology 'ring'"),
        ((), 2, "Missing argument"),
    ],
)
@pytest.mark.usefixtures("here")
def test_what_cannot_be_run_is_wrong_usage(capsys, arguments, status, why):
    assert status_of(["exec", *arguments]) == status
    assert why in capsys.readouterr().err


@pytest.mark.thorough
def test_the_first_test_passes_and_is_never_overwritten(tmp_path):
    wrote = run(tmp_path, "init")
    assert wrote.returncode == 0, wrote.stderr
    assert "pytest test_resilience.py" in wrote.stdout
    env = {**os.environ, "ARBREDIS_LAUNCHER": "process", "XDG_CACHE_HOME": CACHE}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "--strict-markers", "-p", "no:asyncio"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert "2 passed" in done.stdout, done.stdout + done.stderr
    written = (tmp_path / "test_resilience.py").read_bytes()
    again = run(tmp_path, "init")
    assert again.returncode == 2
    assert "is there already, and is not overwritten" in again.stderr
    assert (tmp_path / "test_resilience.py").read_bytes() == written


SUBJECT = """
import redis


class Bot:
    name = "my bot"
    operations = frozenset({"GET", "SET"})

    def open(self, endpoints):
        raise AssertionError("nothing is run here")


def broken():
    raise ValueError("no config")


nothing = 3
"""


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("mine:broken", "the factory 'mine:broken' failed: ValueError: no config"),
        ("mine:nothing", "is no subject: 3"),
    ],
)
def test_a_subject_that_is_none_is_wrong_usage(here, capsys, name, why):
    (here / "mine.py").write_text(SUBJECT)
    status = status_of(["drill", "--subject", name, "--list"])
    told = capsys.readouterr().err
    assert (status, why in told) == (2, True), told


def test_the_scenarios_that_do_not_fit_are_listed_with_the_reason(here, capsys):
    (here / "mine.py").write_text(SUBJECT)
    status = status_of(["drill", "--subject", "mine:Bot", "--profile", "release"])
    told = capsys.readouterr().out
    assert status == 3, told
    assert "subject my bot: 0 of" in told
    assert "not run: failover.crash: it asks for write, and my bot offers GET, SET" in told
    assert "not run: lost_writes.zombie: it demonstrates a hazard" in told
