"""Which verdicts and failures become which exit status, and how a drill's errors come out."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer

from pytest_arbredis import run as running
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.cli import catalogue
from pytest_arbredis.cli import doctor as doctoring
from pytest_arbredis.cli import main as command
from pytest_arbredis.cli.drill import exit_status
from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.report.result import RunResult
from pytest_arbredis.topology import pool
from pytest_arbredis.topology.means import Chosen

HEAVY = ("numpy", "redis", "testcontainers", "docker", "toxiproxy", "requests", "hypothesis", "plotly", "jinja2")


def run(verdict: Verdict, *, kind: str = "guarantee", noise: bool = False) -> RunResult:
    figures = {"inconclusive_by_noise": 1.0} if noise else {}
    finding = Finding(claim="planted", verdict=verdict, summary="as planted", figures=figures)
    return RunResult(scenario="planted", kind=kind, promise="", verdict=verdict, findings=(finding,))


HELD = run(Verdict.VALID)
SHOWN = run(Verdict.VALID, kind="hazard")
VIOLATED = run(Verdict.INVALID)
OPEN = run(Verdict.UNKNOWN)
NOT_SHOWN = run(Verdict.UNKNOWN, kind="hazard")
NOISY = run(Verdict.UNKNOWN, noise=True)
NOT_RUN = RunResult(scenario="planted", kind="guarantee", promise="", verdict=Verdict.UNKNOWN, not_run="no such power")
FAILURE = ("planted", HarnessError("planted"))


@pytest.mark.parametrize(
    ("results", "failures", "strict", "status"),
    [
        ([HELD, SHOWN], [], False, 0),
        ([HELD, VIOLATED], [], False, 1),
        ([VIOLATED, OPEN], [FAILURE], False, 1),
        ([OPEN, HELD], [FAILURE], False, 4),
        ([], [FAILURE], False, 4),
        ([OPEN, HELD], [], False, 3),
        ([NOT_SHOWN, HELD], [], False, 3),
        ([NOT_RUN, HELD], [], False, 3),
        ([NOISY, HELD], [], False, 0),
        ([NOISY, HELD], [], True, 3),
        ([NOISY, OPEN], [], False, 3),
        ([NOISY, VIOLATED], [], False, 1),
        ([NOISY], [FAILURE], False, 4),
    ],
)
def test_violated_comes_before_failed_before_inconclusive_before_held(results, failures, strict, status):
    assert exit_status(results, failures, lenient=not strict) == status


def planted(*_args, **_options):
    message = "a planted bug of ours"
    raise RuntimeError(message)


def test_a_planted_exception_in_doctor_exits_4_and_is_no_verdict(monkeypatch, capsys):
    monkeypatch.setattr(doctoring, "examine", planted)
    assert command.status_of(["doctor"]) == 4
    assert "a planted bug of ours" in (said := capsys.readouterr().err)
    assert "the harness failed; this is no verdict on your code" in said


def test_a_planted_exception_in_drill_exits_4_and_is_no_verdict(monkeypatch, capsys):
    monkeypatch.setattr(catalogue, "find", planted)
    assert command.status_of(["drill", "failover"]) == 4
    assert "this is no verdict on your code" in capsys.readouterr().err


def without_servers(_means):
    return Chosen(name="process", why="a fake", launcher=planted)


def test_a_planted_exception_in_one_scenario_exits_4_and_ends_no_other(monkeypatch, capsys, tmp_path):
    started = []

    def fails(scenario, *_args, **_options):
        started.append(scenario.name)
        planted()

    monkeypatch.setattr(pool, "choose", without_servers)
    monkeypatch.setattr(running, "run", fails)
    assert command.status_of(["drill", "failover", "--runs-dir", str(tmp_path)]) == 4
    assert started == ["failover.crash", "failover.confirmed", "failover.planned"]
    said = capsys.readouterr().out
    assert "failover.crash: the harness failed, no verdict" in said
    assert "RuntimeError: a planted bug of ours" in said
    assert "in planted" in said  # the traceback


@pytest.mark.parametrize("stop", [SystemExit(0), SystemExit(), GeneratorExit()])
def test_nothing_that_ends_a_process_passes_for_a_verdict(monkeypatch, capsys, stop):
    def ends(*_args, **_options):
        raise stop

    monkeypatch.setattr(catalogue, "find", ends)
    assert command.status_of(["drill", "failover"]) == 4
    assert "this is no verdict on your code" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (KeyboardInterrupt(), 130),
        (typer.Abort(), 130),
        (command.TerminatedError(), 143),
        (UsageError("planted", remedy="mend it"), 2),
        (HarnessError("planted", remedy="mend it"), 4),
    ],
)
def test_each_way_to_stop_has_its_status_and_says_so(monkeypatch, capsys, stop, status):
    def ends(*_args, **_options):
        raise stop

    monkeypatch.setattr(doctoring, "examine", ends)
    assert command.status_of(["doctor"]) == status
    assert "arbredis: " in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["drill", "--help"], ["doctor", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    program = (
        "import sys; from pytest_arbredis.cli.main import status_of; "
        f"assert status_of({arguments!r}) == 0; print('HEAVY', *[n for n in {HEAVY!r} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "HEAVY"
