"""A game day has no checks: its reports say recorded, and neither valid nor unknown."""

from __future__ import annotations

import json

import pytest

from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.html import render_html
from pytest_arbredis.report.json_result import result_json
from pytest_arbredis.report.result import RunResult
from pytest_arbredis.report.text import explanation
from pytest_arbredis.testing.builder import HistoryBuilder


@pytest.fixture
def result():
    history = HistoryBuilder(subject="")
    history.phase("load", at=0)
    history.fault("crash", "primary", at=(10, 500), nodes=("n0",), evidence="n0: exit status -9")
    history.fault("reset", "n1", at=(20, None), nodes=("n1",), evidence=None)
    for node, role in (("n1", "slave"), ("n1", "master")):
        history.event("replication", node, at=100 if role == "slave" else 200, data={"role": role})
    return RunResult(
        scenario="game_day", kind="game day", promise="Nobody did.", verdict=Verdict.UNKNOWN, history=history.build()
    )


def test_a_game_day_is_recorded_and_not_judged(result, tmp_path):
    line = "faults injected: 2, of them observed: 1; role changes: 1"
    assert result.word == "recorded"
    assert explanation(result).splitlines()[:2] == [f"game_day: {line}", "game day (recorded): Nobody did."]
    assert "operations:" not in explanation(result)
    content = json.loads(result_json(result))
    assert (content["kind"], content["word"], content["summary"]) == ("game day", "recorded", line)
    render_html(result, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for part in ("recorded", line, "n0: exit status -9", "n1: replica → primary"):
        assert part in page
    for part in ("<dt>operations</dt>", "<dt>seed</dt>", "Run it again"):
        assert part not in page
