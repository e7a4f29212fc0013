"""What a failing test tells: the finding in the summary line, the servers' story, and whose fault it was."""

from __future__ import annotations

import re
import time

import pytest

from pytest_arbredis.plugin import SCENARIOS as SHIPPED

CASE = re.compile(r'<testcase [^>]*name="(\w+)"[^>]*>(.*?)</testcase>', re.DOTALL)

PLAIN_AND_THOROUGH = [("-p", "no:xdist"), pytest.param(("-n", "2"), marks=pytest.mark.thorough)]

PLAIN_FAILURE = """
def test_fails(redis_client, faults):
    redis_client.set("k", "v")
    with faults.latency("primary", ms=20):
        redis_client.get("k")
    assert redis_client.get("k") is None


def test_passes(redis_client):
    assert redis_client.ping()
"""


@pytest.mark.parametrize("how", [("-p", "no:xdist"), ("-n", "2")], ids=" ".join)
def test_a_failing_test_tells_what_its_servers_went_through(inner, pytester, how):
    pytester.makepyfile(PLAIN_FAILURE)
    result = inner("--arbredis-seed=99", "--junitxml=report.xml", *how)
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*- arbredis -*",
            "on: topology sentinel (*); *launcher process (asked for); redis *; toxiproxy *",
            "faults:",
            "* latency primary (n0) ?20 ms, jitter 0 ms? until * s; observed by probe: n0: *",
            "last log lines of n0:",
            "last log lines of s2:",
            "seed 99",
            "arbredis: launcher process (asked for)",
            "FAILED *::test_fails - *",
        ]
    )
    junit = (pytester.path / "report.xml").read_text()
    assert "observed by probe" in junit
    told = {name: re.findall(r'<property name="(\w+)" value="([^"]*)"', case) for name, case in CASE.findall(junit)}
    for name in ("test_fails", "test_passes"):
        assert ("arbredis_launcher", "process (asked for)") in told[name]
        assert ("arbredis_seed", "99") in told[name]
        assert {"arbredis_redis", "arbredis_toxiproxy", "arbredis_topology"} <= {key for key, _ in told[name]}
    (fault,) = [value for key, value in told["test_fails"] if key == "arbredis_fault"]
    assert fault.startswith("latency on primary, observed by probe: n0: probe ")
    assert not [key for key, _ in told["test_passes"] if key == "arbredis_fault"]


def test_role_changes_and_sentinel_events_are_in_the_story(inner, pytester):
    pytester.makepyfile("""
        def test_fails(redis_client, redis_topology, faults):
            redis_client.ping()
            faults.failover()
            redis_topology.settled()
            assert False, "on purpose"
    """)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["events:", "* n?: replica → primary"])
    result.stdout.fnmatch_lines(["* +switch-master (s?)"])


SCENARIOS = """
from dataclasses import dataclass, replace
from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.checkers.verdict import Finding, Verdict


@dataclass(frozen=True)
class Says:
    claim: str
    verdict: Verdict
    figures: dict

    def __call__(self, history):
        summary = f"{len(history.ops)} operations"
        return Finding(claim=self.claim, verdict=self.verdict, summary=summary, figures=self.figures)


BASE = Scenario(
    name="mine", promise="Something holds.", topology=topologies.single(), subject=subjects.from_url(),
    workload=workloads.unique_writes(rate_hz=50, clients=1), seconds=0.3,
    checks=(checks.acknowledged_writes_survive(),),
)


def said(verdict, **figures):
    return replace(BASE, checks=(Says("milk_is_fresh", verdict, figures),))


def test_holds(arbredis):
    arbredis.run(BASE).assert_valid()


def test_broken(arbredis):
    arbredis.run(said(Verdict.INVALID)).assert_valid()


def test_open(arbredis):
    arbredis.run(said(Verdict.UNKNOWN)).assert_valid()


def test_noise(arbredis):
    arbredis.run(said(Verdict.UNKNOWN, inconclusive_by_noise=True)).assert_valid()


def test_plain_assert(arbredis):
    judged = arbredis.run(BASE)
    assert judged.history.ops == ()


def test_not_a_scenario(arbredis):
    arbredis.run("failover")
"""


@pytest.mark.parametrize("how", PLAIN_AND_THOROUGH, ids=" ".join)
def test_the_summary_line_carries_the_finding(inner, pytester, how):
    pytester.makepyfile(SCENARIOS)
    result = inner("-rsfE", "--arbredis-seed=5", *how)
    result.assert_outcomes(passed=1, failed=4, skipped=1)
    told = str(result.stdout)
    for line in (
        "FAILED *::test_broken - milk_is_fresh: * operations",
        "FAILED *::test_open - INCONCLUSIVE milk_is_fresh: * operations",
        "FAILED *::test_plain_assert - *",
        "FAILED *::test_not_a_scenario - pytest_arbredis.errors.UsageError: 'failover' is not a Scenario",
        "SKIPPED * milk_is_fresh: * operations*",
        "guarantee (invalid): Something holds.",
        "replay: pytest test_the_summary_line_carries_the_finding.py::test_broken --arbredis-seed 5",
        "folder: *mine-5-*",
        "acknowledged_writes_survive: 0 of * acknowledged writes lost",
    ):
        result.stdout.fnmatch_lines([line])
    assert told.count("milk_is_fresh: ") >= 4
    assert len(list((pytester.path / ".arbredis" / "runs").glob("*mine-5-*"))) == 5


MISSING = """
def test_topology(redis_client): pass
def test_again(redis_url): pass
def test_scenarios(arbredis): pass
"""


@pytest.mark.parametrize("how", PLAIN_AND_THOROUGH, ids=" ".join)
def test_without_toxiproxy_set_up_fails_at_once_with_the_remedy(inner, pytester, monkeypatch, how):
    pytester.makepyfile(MISSING)
    empty = pytester.mkdir("empty")
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setenv("XDG_CACHE_HOME", str(empty))
    result = inner("--durations=0", "-vv", *how)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(["*ERROR at setup of test_topology*", "MissingBinaryError: *oxiproxy*"])
    result.stdout.fnmatch_lines(["  remedy: run `arbredis doctor --fix` (or `make drill`)*"])
    spent = [float(line.split("s ")[0]) for line in result.outlines if " setup " in line and "s setup" in line]
    assert spent
    assert max(spent) < 1.0
    assert list(empty.iterdir()) == []


def test_a_failure_of_the_harness_in_a_test_is_an_error_and_no_verdict(inner, pytester):
    pytester.makepyfile("""
        from pytest_arbredis.errors import ControlError

        def test_it(redis_url, faults, monkeypatch):
            def refused(*_, **__):
                raise ControlError("the proxy control refused", remedy="see its log")
            monkeypatch.setattr(faults._nemesis.deployment.control, "disable", refused)
            faults.down("primary")
    """)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*ERROR at call of test_it*", "ERROR *::test_it - *the proxy control refused*"])


@pytest.mark.thorough
def test_the_shipped_scenarios_are_collected_once_each(inner):
    expected = sum(path.read_text().count("\ndef test_") for path in SHIPPED.glob("*.py"))
    assert expected >= 10
    for arguments in (
        ("--pyargs", "pytest_arbredis.scenarios"),
        ("--pyargs", "pytest_arbredis.scenarios", "-o", "python_files=*.py"),
        ("--pyargs", "pytest_arbredis.scenarios", "-p", "no:xdist"),
    ):
        result = inner("--collect-only", "-q", *arguments)
        assert sum("::test_" in line for line in result.outlines) == expected, result.outlines
    one = inner("--collect-only", "-q", "--pyargs", "pytest_arbredis.scenarios.failover")
    expected = (SHIPPED / "failover.py").read_text().count("\ndef test_")
    assert sum("::test_" in line for line in one.outlines) == expected


@pytest.mark.thorough
def test_a_shipped_scenario_runs_under_xdist(inner):
    began = time.monotonic()
    result = inner("-n", "2", "--pyargs", "pytest_arbredis.scenarios", "-k", "from_url or a_pool")
    result.assert_outcomes(passed=2)
    assert time.monotonic() - began < 60
