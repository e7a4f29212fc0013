"""A game day as people hold one: up, inject, status, heal, down; and nothing left, whatever ends it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import redis
from drills import MARK, Drill

from pytest_arbredis._clock import wait_until
from pytest_arbredis.cli.main import status_of
from pytest_arbredis.gameday.channel import ask
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.servers import ports

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc")

NO_SUCH_EFFECT = """
from dataclasses import dataclass
from pytest_arbredis.faults.nature import Nature


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSuchEffect:
    name = "no_such_effect"
    nature = Nature(client_sees="nothing", seen_by="nobody", example="…", observed_within_s=0.1)

    def inject(self, site):
        return lambda: None

    def observe(self, site):
        return ""
"""
"""A fault of another package, which no probe ever sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a command came to."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """What it printed."""
        return dict(json.loads(self.out))


@dataclass(eq=False)
class Terminal:
    """A folder in which `arbredis …` is run; everything that comes of it bears one mark."""

    here: Path
    env: dict[str, str] = field(default_factory=dict)
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(
            [sys.executable, "-m", "pytest_arbredis.cli", *arguments],
            env={**os.environ, **self.env, MARK: self.mark},
            cwd=self.here,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str) -> Done:
        """Run a command to its end."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
        assert "Traceback" not in err, err
        return Done(status=process.returncode, out=out, err=err)

    def owned_by(self, pid: int) -> Drill:
        """Everything of the owner with this pid."""
        return Drill(process=SimpleNamespace(pid=pid), mark=self.mark, runs=self.here / ".arbredis" / "runs")

    def left(self) -> list[str]:
        """Names in the folder's `.arbredis`."""
        return sorted(path.name for path in (self.here / ".arbredis").iterdir())


@pytest.fixture
def arbredis(tmp_path):
    """A terminal; whatever it left is killed, so that a failing test leaves nothing either."""
    terminal = Terminal(tmp_path)
    yield terminal
    for pid in terminal.owned_by(0).processes():
        os.kill(pid, signal.SIGKILL)


def up(arbredis: Terminal, *arguments: str) -> tuple[dict[str, Any], Drill, set[int]]:
    """A detached game day on processes: its briefing, what belongs to it, and its ports."""
    done = arbredis("up", "--detach", "--json", "--launcher", "process", *arguments)
    assert done.status == 0, done
    briefing = done.json
    owned = arbredis.owned_by(briefing["pid"])
    listening = owned.ports()
    assert len(listening) >= 2 * len(briefing["servers"])
    return briefing, owned, listening


def test_a_game_day_from_up_to_down(arbredis):
    briefing, owned, listening = up(arbredis, "--env-file", "bot.env")
    env = dict(line.split("=", 1) for line in (arbredis.here / "bot.env").read_text().splitlines())
    assert env == briefing["env"]
    follows = redis.Redis.from_url(env["REDIS_PRIMARY_URL"], socket_timeout=2)
    follows.set("order:1", "placed")
    assert redis.Redis.from_url(env["REDIS_URL"]).get("order:1") == b"placed"

    crashed = arbredis("inject", "crash primary", "--for", "2500ms")
    assert crashed.status == 0, crashed
    assert "#0 crash on n0 is in force for" in crashed.out
    assert "n0: exit status -9" in crashed.out
    slow = arbredis("inject", "latency", "s0", "ms=60", "--json")
    assert re.match(r"s0: probe \d+ ms against", slow.json["evidence"])
    seen = arbredis("status", "--json").json
    (slowed,) = [server for server in seen["servers"] if server["name"] == "s0"]
    assert "latency" in slowed["link"]
    assert 1 in [fault["id"] for fault in seen["faults"]]
    assert seen["missing"]

    wait_until(lambda: _faults(arbredis) == [1], within_s=10, what="the healing of the crash after its time")
    told = arbredis("status")
    assert "#1 latency s0 ms=60 jitter_ms=0 (s0) for " in told.out
    healed = arbredis("heal", "1")
    assert healed.status == 0, healed
    assert "#1 latency on s0 is healed" in healed.out
    assert "the topology is whole" in healed.out
    assert arbredis("heal").out.startswith("nothing was in force\n")
    wait_until(lambda: _is_writable(follows), within_s=10, what="the stable address to lead to the new primary")

    seen = arbredis("status", "--json").json
    assert seen["missing"] == ""
    assert [server["role"] for server in seen["servers"] if server["name"] == "n0"] == ["replica"]
    assert "+switch-master" in [event["event"] for event in seen["events"]]

    down = arbredis("down")
    assert down.status == 0, down
    assert "faults injected: 2, of them observed: 2; role changes: " in down.out
    owned.gone(listening, within_s=2.0, docker=False)
    assert arbredis.left() == [".gitignore", "runs"]
    assert arbredis("down").status == 2

    run = Path(briefing["run"])
    history = load(run / "history.jsonl")
    assert [(fault.name, fault.nodes) for fault in history.faults] == [("crash", ("n0",)), ("latency", ("s0",))]
    assert all(fault.evidence and fault.ended_ns for fault in history.faults)
    assert 2.5 <= (history.faults[0].ended_ns - history.faults[0].began_ns) / 1e9 < 10
    assert "+switch-master" in [event.data["event"] for event in history.events_named("sentinel")]
    result = json.loads((run / "result.json").read_bytes())
    assert (result["word"], result["scenario"]) == ("recorded", "game_day")
    assert "crash" in (run / "report.html").read_text()
    shown = subprocess.run([sys.executable, run / "schedule.py"], capture_output=True, text=True, check=True)
    assert ".crash('primary').lasting(seconds=2." in shown.stdout
    assert (run / "logs" / "n0.log").stat().st_size > 0


def _faults(arbredis: Terminal) -> list[int]:
    return [fault["id"] for fault in arbredis("status", "--json").json["faults"]]


def _is_writable(client: redis.Redis) -> bool:
    try:
        return bool(client.set("order:2", "placed"))
    except redis.RedisError:
        return False


def test_what_is_mistyped_or_cannot_be_is_told_and_leaves_the_game_day_as_it_was(arbredis, monkeypatch, capsys):
    (arbredis.here / "brought").mkdir()
    (arbredis.here / "brought" / "brought.py").write_text(NO_SUCH_EFFECT)
    info = arbredis.here / "brought" / "brought-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[arbredis.faults]\nno_such_effect = brought:NoSuchEffect\n")
    arbredis.env["PYTHONPATH"] = str(arbredis.here / "brought")

    monkeypatch.chdir(arbredis.here)
    for arguments in (["inject", "crash primary"], ["status"], ["heal"], ["down"]):
        assert status_of(arguments) == 2
        told = capsys.readouterr().err
        assert "no game day is up" in told
        assert "arbredis up" in told
    assert not (arbredis.here / ".arbredis").exists()

    briefing, owned, listening = up(arbredis, "--topology", "single")
    for arguments, told in (
        (["inject", "latncy primary ms=3"], "unknown fault 'latncy'"),
        (["inject", "latency primary"], "write latency TARGET ms=INT"),
        (["inject", "latency replicas ms=3"], "no node is 'replicas' in this topology"),
        (["inject", "failover primary"], "it needs Sentinels"),
        (["inject", "restart primary"], "a restart of n0, which runs"),
        (["inject", "crash primary", "--for", "soon"], "'soon' is no duration"),
        (["heal", "7"], "unknown fault in force 7"),
        (["heal", "it"], "give the number that inject printed, or all"),
        (["up", "--launcher", "process"], "a game day is up in"),
        (["up", "--topology", "ring"], "unknown topology 'ring'"),
        (["up", "--topology", "single", "--replicas", "2"], "takes no replicas"),
        (["up", "--port", "primary"], "use ROLE=N"),
    ):
        assert status_of(arguments) == 2
        assert told in capsys.readouterr().err
    unobserved = arbredis("inject", "no_such_effect primary")
    assert unobserved.status == 3, unobserved
    assert "no probe saw its effect within 0.1 s" in unobserved.err

    path = Path(json.loads((arbredis.here / ".arbredis" / "up.json").read_bytes())["socket"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(path))
        stranger.sendall(b"\x80\x04pickle\n")
        assert b"no JSON" in stranger.recv(4096)
    seen = ask(path, {"do": "status"}, within_s=5)
    assert (seen["missing"], seen["poisoned"], [fault["id"] for fault in seen["faults"]]) == ("", "", [1])

    os.kill(briefing["pid"], signal.SIGKILL)
    owned.gone(listening, within_s=2.0 * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), docker=False)
    dead = arbredis("status")
    assert dead.status == 2
    assert f"pid {briefing['pid']}" in dead.err
    assert "was killed" in dead.err
    assert load(Path(briefing["run"]) / "history.jsonl").faults[-1].name == "no_such_effect"
    assert arbredis.left() == [".gitignore", "runs"]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGHUP, 143)], ids=["Ctrl-C", "hang-up"])
def test_the_foreground_one_heals_and_reports_when_it_is_interrupted(arbredis, number, status):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in a shell's background
    try:
        process = arbredis.start("up", "--launcher", "process", "--topology", "single")
    finally:
        signal.signal(signal.SIGINT, before)
    assert process.stdout is not None
    told = ""
    while "Ctrl-C or `arbredis down` ends it" not in told:
        line = process.stdout.readline()
        assert line, process.communicate()
        told += line
    owned = arbredis.owned_by(process.pid)
    listening = owned.ports()
    assert listening
    assert "REDIS_URL=redis://127.0.0.1:" in told
    assert arbredis("inject", "pause primary").status == 0
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == status, err
    assert "faults injected: 1, of them observed: 1" in out
    assert "healed, stopped, and the history is kept" in err
    owned.gone(listening, within_s=2.0, docker=False)
    (history,) = owned.histories()
    assert history.faults[0].ended_ns is not None


def test_a_detached_one_that_cannot_start_says_why_and_leaves_nothing(arbredis):
    with ports.claim(1) as slot, socket.create_server(("127.0.0.1", slot.first)):
        taken = f"primary={slot.first}"
        done = arbredis("up", "--detach", "--launcher", "process", "--topology", "single", "--port", taken)
    assert done.status == 4, done
    assert str(slot.first) in done.err
    assert "remedy: " in done.err
    arbredis.owned_by(0).gone(set(), within_s=2.0, docker=False)
    assert arbredis.left() == [".gitignore"]
