from __future__ import annotations

from dataclasses import replace

import orjson

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.report import json_result
from pytest_arbredis.report.json_result import result_json


def test_the_keys_are_those_that_are_documented(invalid_run, run_not_run):
    for run in (invalid_run, run_not_run):
        content = orjson.loads(result_json(run))
        documented = (json_result.__doc__ or "").split("Times end")[0]
        named = [name for line in documented.splitlines() for name in line[4:24].replace(",", " ").split() if name]
        assert list(content) == [name for name in named if name in content]
        assert set(content) <= set(named)


def test_a_run_is_told_in_full(invalid_run):
    content = orjson.loads(result_json(invalid_run))
    assert content["version"] == 1
    assert (content["verdict"], content["word"], content["kind"]) == ("invalid", "invalid", "guarantee")
    assert content["summary"] == "14 of 3021 acknowledged writes lost (RPO 212 ms)"
    assert content["findings"][0]["figures"] == {"acknowledged": 3021, "lost": 14, "rpo_ms": 212.0}
    assert content["operations"] == {"ok": 4422, "fail": 426, "unknown": 152}
    assert sum(content["operations"].values()) == 5000
    crash, restart = content["faults"]
    assert (crash["began_s"], crash["ended_s"], crash["nodes"]) == (2.0, 6.0, ["node-1"])
    assert crash["evidence"]["source"] == "process table"
    assert restart["name"] == "restart"


def test_a_run_that_did_not_take_place_has_no_history(run_not_run):
    content = orjson.loads(result_json(run_not_run))
    assert (content["word"], content["verdict"], content["run"], content["faults"]) == ("not run", "unknown", None, [])
    assert content["operations"] == {"ok": 0, "fail": 0, "unknown": 0}


def test_whatever_a_figure_holds_can_be_written(invalid_run):
    figures = {"raw": b"\xff\x00", "text": b"plain", "big": 2**70, "lone": "\ud800", "nan_ms": float("nan")}
    finding = Finding(claim="c", verdict=Verdict.INVALID, summary="s", figures=figures)
    content = orjson.loads(result_json(replace(invalid_run, findings=(finding,))))
    assert content["findings"][0]["figures"] == {
        "raw": {"$bytes": "/wA="},
        "text": "plain",
        "big": str(2**70),
        "lone": "\\ud800",
        "nan_ms": None,
    }


def test_passwords_are_redacted(invalid_run):
    run = replace(invalid_run, replay="arbredis drill x --arbredis-url redis://u:pw@host:1/0")
    text = result_json(run).decode()
    assert "pw@" not in text
    assert "redis://***@host:1/0" in text
