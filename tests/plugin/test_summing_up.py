"""The end of a session: scenarios that were not run, with the reasons, and the page of a CI run, from every worker."""

from __future__ import annotations

import re

import pytest

HOW = [("-p", "no:xdist"), ("-n", "2")]

BROKEN = """
from dataclasses import dataclass, replace
import pytest
from pytest_arbredis import Scenario, checks, subjects, topologies, workloads
from pytest_arbredis.checkers.verdict import Finding, Verdict


@dataclass(frozen=True)
class Stale:
    claim: str = "milk_is_fresh"

    def __call__(self, history):
        return Finding(claim=self.claim, verdict=Verdict.INVALID, summary="<b>sour</b> | after a day")


HOLDS = Scenario(
    name="mine.holds", promise="Something holds.", topology=topologies.single(), subject=subjects.from_url(),
    workload=workloads.unique_writes(rate_hz=50, clients=1), seconds=0.2,
    checks=(checks.acknowledged_writes_survive(),),
)


def test_holds(arbredis):
    arbredis.run(HOLDS).assert_valid()


def test_broken(arbredis):
    arbredis.run(replace(HOLDS, name="mine.broken", checks=(Stale(),))).assert_valid()


@pytest.mark.arbredis(topology="single")
def test_plain(redis_client, faults):
    with faults.latency("primary", ms=20):
        redis_client.get("k")
    assert redis_client.get("k"), "a plain assert"


@pytest.mark.arbredis(topology="ring")
def test_set_up(redis_client):
    pass


@pytest.mark.arbredis(topology="single")
def test_passes(redis_client):
    assert redis_client.ping()


def test_of_others():
    assert False, "not ours"
"""


@pytest.mark.parametrize("how", HOW, ids=" ".join)
def test_the_page_of_a_ci_run_has_every_run_and_every_failing_test_once(inner, pytester, monkeypatch, how):
    page = pytester.path / "page.md"
    page.write_text("of an earlier command\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    pytester.makepyfile(test_mine=BROKEN)
    inner(*how).assert_outcomes(passed=2, failed=3, errors=1)
    text = page.read_text("utf-8")
    assert text.startswith("of an earlier command\n")
    rows = [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("| ")
    ]
    assert sorted(row[1:3] for row in rows if row[0] in {"✅", "❌"} and len(row) == 5) == [
        ["invalid", "`mine.broken`"],
        ["valid", "`mine.holds`"],
    ]
    tests = {row[1]: row[2] for row in rows if row[0] == "❌" and len(row) == 3}
    assert sorted(tests) == [
        "`test_mine.py::test_broken`",
        "`test_mine.py::test_plain`",
        "`test_mine.py::test_set_up (setup)`",
    ]
    assert "a plain assert" in tests["`test_mine.py::test_plain`"]
    assert "unknown topology 'ring'" in tests["`test_mine.py::test_set_up (setup)`"]
    assert "&lt;b>sour&lt;/b> \\| after a day" in text
    assert text.count("### Drills on real Redis") == text.count("### Tests on real Redis that failed") == 1
    assert text.count("<summary>invalid: mine.broken</summary>") == 1
    folded = text.partition("<summary>test_mine.py::test_plain</summary>")[2].partition("</details>")[0]
    assert "latency primary (n0)" in folded
    assert "test_of_others" not in text


def test_a_session_in_which_nothing_happened_leaves_the_page_as_it_was(inner, pytester, monkeypatch):
    page = pytester.path / "page.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    pytester.makepyfile("""
        import pytest

        @pytest.mark.arbredis(topology="single")
        def test_it(redis_client):
            assert redis_client.ping()
    """)
    inner("-p", "no:xdist").assert_outcomes(passed=1)
    assert not page.exists()


def test_a_page_that_cannot_be_written_is_told_and_changes_no_outcome(inner, pytester, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(pytester.path / "nowhere" / "page.md"))
    pytester.makepyfile(BROKEN)
    result = inner("-p", "no:xdist", "-k", "holds")
    result.assert_outcomes(passed=1, deselected=5)
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        ["arbredis: the summary of the CI step cannot be written: *", "  remedy: unset GITHUB_*"]
    )


ABSENT = """
from dataclasses import replace
import pytest
from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

QUOTA = Scenario(
    name="mine.quota", promise="Half a processor is enough.", topology=topologies.single(),
    subject=subjects.from_url(), workload=workloads.unique_writes(rate_hz=50, clients=1),
    faults=schedule.at(seconds=0.2).cpu_quota("primary", percent=50).lasting(seconds=0.2),
    checks=(checks.acknowledged_writes_survive(),),
)


def test_asserted(arbredis):
    arbredis.run(QUOTA).assert_valid()


def test_looked_at(arbredis):
    assert len(arbredis.run(QUOTA).history.ops) > 3


def test_left_alone(arbredis):
    assert arbredis.run(QUOTA).result.not_run
"""


@pytest.mark.parametrize("how", HOW, ids=" ".join)
def test_a_scenario_that_the_launcher_cannot_play_is_a_skip_with_the_reason(inner, pytester, how):
    pytester.makepyfile(test_mine=ABSENT)
    result = inner("-rs", *how)
    result.assert_outcomes(skipped=2, passed=1)
    why = "mine.quota: not run: cpu_quota is not possible here: *"
    result.stdout.fnmatch_lines([f"SKIPPED * test_mine.py:*: {why}"])
    result.stdout.fnmatch_lines(["arbredis: not run: mine.quota: cpu_quota is not possible here: *"])
    assert str(result.stdout).count("arbredis: not run: ") == 1


def test_asked_for_what_was_not_run_fails(inner, pytester, monkeypatch):
    pytester.makepyfile(test_mine=ABSENT)
    monkeypatch.setenv("ARBREDIS_INCONCLUSIVE", "fail")
    result = inner("-p", "no:xdist")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(["FAILED *::test_asserted - INCONCLUSIVE mine.quota: not run: cpu_quota is *"])


WRITER = """
from pytest_arbredis import subjects

class Writer:
    name = "my writer"
    operations = ("write",)

    def open(self, endpoints):
        return subjects.from_url().open(endpoints)
"""

FITTING = """
from dataclasses import replace
import pytest
from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

WRITES = Scenario(
    name="mine.writes", promise="Something holds.", topology=topologies.single(), subject=subjects.from_url(),
    workload=workloads.unique_writes(rate_hz=50, clients=1), seconds=0.2,
    checks=(checks.acknowledged_writes_survive(),),
)
READS = replace(WRITES, name="mine.reads", workload=workloads.unique_writes(rate_hz=50, clients=1, read_share=0.5))


@pytest.mark.parametrize("scenario", [WRITES, READS], ids=lambda scenario: scenario.name)
def test_guarantee(arbredis, scenario):
    judged = arbredis.run(scenario)
    judged.assert_valid()
    assert judged.history.header.subject == "my writer"


def test_hazard(arbredis):
    arbredis.run(replace(WRITES, name="mine.hazard", kind="hazard")).assert_valid()
"""


@pytest.mark.parametrize("how", HOW, ids=" ".join)
def test_a_scenario_that_does_not_fit_the_subject_is_a_skip_with_the_reason(inner, pytester, how):
    pytester.makepyfile(FITTING, writer=WRITER)
    result = inner("-rs", "--arbredis-subject=writer:Writer", "--arbredis-inconclusive=fail", *how)
    result.assert_outcomes(passed=1, skipped=2)
    told = str(result.stdout)
    for why in (
        "mine.reads: it asks for read, and my writer offers write",
        "mine.hazard: it demonstrates a hazard with ",
    ):
        assert f"arbredis: not run: {why}" in told
    assert "mine.reads: not run: it asks for read, and my writer offers write" in told
