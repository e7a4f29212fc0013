from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import FaultRecord, Header, Op
from pytest_arbredis.report.terminal import console_for, print_verdicts, verdict_table
from pytest_arbredis.report.text import failure_text


def printed(results, **options) -> str:
    out = io.StringIO()
    Console(file=out, width=100, highlight=False, **options).print(verdict_table(results))
    return out.getvalue()


def test_the_first_line_of_a_failure_is_claim_and_summary(invalid_run):
    first = failure_text(invalid_run).splitlines()[0]
    assert first == "acknowledged_writes_survive: 14 of 3021 acknowledged writes lost (RPO 212 ms)"


def test_what_is_unknown_starts_with_inconclusive(unknown_run, hazard_not_shown, run_not_run):
    assert failure_text(unknown_run).startswith("INCONCLUSIVE vacuity_guard: crash on primary")
    assert failure_text(hazard_not_shown).startswith("INCONCLUSIVE acknowledged_writes_survive: 0 of 3021")
    assert failure_text(run_not_run).startswith("INCONCLUSIVE power_loss: not run: no C compiler (cc) on PATH")


def test_a_failure_tells_everything_needed_to_understand_and_repeat_it(invalid_run, tmp_path):
    text = failure_text(replace(invalid_run, folder=tmp_path))
    for part in (
        invalid_run.promise,
        "985        1  write  k25  v985   OK      ok           1970.",
        "2.000 s  crash primary (node-1) [signal SIGKILL] until 6.000 s; observed by process table: pid 4711",
        "3.250 s  node-2: replica → primary",
        "p50 0.081 ms · p99 0.62 ms (budget 0.5 ms) · floor p99 0.71 ms",
        "operations: 4422 ok, 426 fail, 152 unknown",
        "redis 7.0.15",
        "replay: arbredis drill failover.crash_alone --seed 42 --launcher process",
        f"folder: {tmp_path}",
    ):
        assert part in text


def test_the_proof_is_aligned(invalid_run):
    lines = failure_text(invalid_run).splitlines()
    head = next(at for at, line in enumerate(lines) if line.lstrip().startswith("id  process"))
    column = lines[head].index("outcome")
    assert len(lines[head + 1 : head + 11]) == 10
    assert {line[column : column + 2] for line in lines[head + 1 : head + 11]} == {"ok"}


def test_a_fault_that_nobody_observed_or_healed_is_said_to_be_so(unknown_run):
    fault = FaultRecord(id=1, name="latency", target="primary", params={"delay_ms": 200}, began_ns=5)
    text = failure_text(replace(unknown_run, history=History.of(Header(run="r"), [fault])))
    assert "latency primary [delay 200 ms] and never healed; NOT OBSERVED" in text


def test_an_operation_that_never_completed_is_said_to_be_so(unknown_run):
    op = Op(id=3, process=1, name="write", key="k", invoked_ns=5, error="killed")
    finding = Finding(claim="c", verdict=Verdict.UNKNOWN, summary="s", proof=(3,))
    text = failure_text(replace(unknown_run, history=History.of(Header(run="r"), [op]), findings=(finding,)))
    assert "never" in text
    assert "killed" in text


def test_control_characters_and_passwords_do_not_reach_the_terminal(invalid_run):
    op = Op(id=1, process=1, name="write", key="k\x1b[2J\u202e\n", input="redis://u:secret@h:1/0", invoked_ns=5)
    finding = Finding(claim="c\x1b", verdict=Verdict.INVALID, summary="s\x1b[31m [red]x[/red]\nnext", proof=(1,))
    deployment = {"url": "rediss://:secret@host:6379"}
    history = History.of(Header(run="r"), [op])
    run = replace(invalid_run, history=history, findings=(finding,), deployment=deployment)
    for text in (failure_text(run), printed([run])):
        assert not {"\x1b", "\u202e"} & set(text)
        assert "secret" not in text
        assert "[red]x[/red]" in text
    assert failure_text(run).splitlines()[0] == "c\\x1b: s\\x1b[31m [red]x[/red]\\nnext"


def test_the_table_has_one_line_a_scenario_at_100_columns(all_runs):
    runs = tuple(all_runs.values())
    table, *_ = printed(runs).split("\n\n")
    lines = table.splitlines()
    assert len(lines) == 1 + len(runs)
    assert all(len(line) <= 100 for line in lines)
    for run, line in zip(runs, lines[1:], strict=True):
        assert line.startswith(run.word)
        assert run.scenario in line
        assert run.kind in line
        assert line.rstrip().endswith(f"{run.duration_s:.1f} s")
    assert "\x1b" not in table


def test_a_valid_run_and_a_shown_hazard_need_no_explanation(valid_run, shown_hazard):
    assert len(printed([valid_run, shown_hazard]).split("\n\n")) == 1


def test_a_run_that_did_not_take_place_is_explained_even_if_nothing_is_wrong(run_not_run):
    assert "not run power_loss: no C compiler (cc) on PATH" in printed([run_not_run])


@pytest.mark.parametrize(
    ("name", "colour"),
    [("valid_run", "32"), ("shown_hazard", "32"), ("unknown_run", "33"), ("run_not_run", "33"), ("invalid_run", "31")],
)
def test_verdicts_are_coloured(request, name, colour):
    run = request.getfixturevalue(name)
    out = printed([run], force_terminal=True, color_system="standard", no_color=False)
    assert re.search(rf"\x1b\[1;{colour}m{run.word} *\x1b\[0m", out)


def test_a_command_to_copy_is_not_broken(invalid_run):
    replay = "arbredis drill failover.crash_alone " + "--seed 42 " * 20
    out = io.StringIO()
    print_verdicts([replace(invalid_run, replay=replay)], console_for(out))
    assert f"replay: {replay.rstrip()}" in out.getvalue()


def test_a_pipe_is_at_least_100_columns_wide():
    assert console_for(io.StringIO()).width >= 100


def test_the_proof_is_drawn_above_its_table(invalid_run):
    finding = replace(invalid_run.findings[0], proof=(985, 1010, 90_000))
    text = failure_text(replace(invalid_run, findings=(finding,)))
    drawing, table = text.split("proof (ms since the start of the load):\n")[1].split("\n\n")
    assert [line.split()[0] for line in drawing.splitlines()[:5]] == [
        "faults",
        "restart",
        "process",
        "process",
        "final",
    ]
    assert table.splitlines()[0].split()[:2] == ["id", "process"]
    assert all(len(line) <= 100 for line in drawing.splitlines())


@pytest.mark.parametrize("width", [30, 60, 80, 120])
def test_the_drawing_fits_the_terminal(invalid_run, width):
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None, highlight=False)
    print_verdicts([invalid_run], console)
    drawn = [line for line in out.getvalue().splitlines() if "├" in line or "┴" in line]
    assert bool(drawn) is (width > 40)
    assert all(len(line) <= min(width, 100) for line in drawn)


def test_an_encoding_without_arrows_gets_ascii(invalid_run):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    operation = Op(id=1, process=1, name="write", key="schlüssel", input="→", invoked_ns=5)
    finding = Finding(claim="c", verdict=Verdict.INVALID, summary="schlüssel → fort", proof=(1,))
    history = History.of(Header(run="r"), [operation])
    print_verdicts([replace(invalid_run, history=history, findings=(finding,))], console_for(out))
    text = raw.getvalue().decode("ascii")
    assert "write schl\\xfcssel -> ->" in text
    assert "[" in text
