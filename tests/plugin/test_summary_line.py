"""The line of a violated guarantee: `FAILED test_x - claim: summary`, wherever pytest says it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

LOST = """
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.report.result import RunResult
from pytest_arbredis.testing.builder import HistoryBuilder
from pytest_arbredis.views.judged import Judged


def test_x():
    history = HistoryBuilder()
    lost = history.write("k", "v", at=(10, 12), process=3)
    read = history.read("k", None, at=(9000, 9001), final=True)
    finding = Finding(
        claim="acknowledged_writes_survive", verdict=Verdict.INVALID, proof=(lost, read),
        summary="14 of 3021 acknowledged writes lost (RPO 212 ms)",
    )
    result = RunResult(
        scenario="mine", kind="guarantee", promise="No write is lost.", verdict=Verdict.INVALID,
        findings=(finding,), history=history.build(),
    )
    Judged(result).assert_valid()
"""
SAID = "acknowledged_writes_survive: 14 of 3021 acknowledged writes lost (RPO 212 ms)"
DRAWN = ("*process 3  0 write k v → ok  ├*", "*final      1 read k → null *├*")


@pytest.mark.parametrize("how", [("-p", "no:xdist"), ("-n", "2")], ids=" ".join)
def test_it_is_the_finding_and_nothing_else(inner, pytester, how):
    pytester.makepyfile(LOST)
    result = inner("--junitxml=report.xml", *how, launched=False)
    result.assert_outcomes(failed=1)
    (line,) = [line for line in result.outlines if line.startswith("FAILED ")]
    assert line.partition(" - ")[2] == SAID
    result.stdout.fnmatch_lines([f"{SAID}", *DRAWN])
    (failure,) = ET.parse(pytester.path / "report.xml").getroot().iter("failure")  # noqa: S314 - it is ours
    assert failure.attrib["message"].startswith(SAID)
    assert failure.text is not None
    assert failure.text.startswith(SAID)
    assert "process 3  0 write k v → ok" in failure.text


def test_on_a_ci_machine_it_still_comes_first(inner, pytester, monkeypatch):
    monkeypatch.setenv("CI", "true")
    pytester.makepyfile(LOST)
    result = inner("-p", "no:xdist", launched=False)
    (line,) = [line for line in result.outlines if line.startswith("FAILED ")]
    assert line.partition(" - ")[2] == SAID


def test_an_output_that_takes_only_ascii_gets_the_drawing_in_ascii(inner, pytester, monkeypatch):
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    pytester.makepyfile(LOST)
    result = inner("-p", "no:xdist", launched=False)
    result.stdout.fnmatch_lines(["*process 3  0 write k v -> ok  [[]*", "*final      1 read k -> null *[[]*"])
    assert str(result.stdout).isascii()
