"""The page of promises says what the claims and the results say, and nothing is claimed that cannot be run."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import ALL

ROOT = Path(__file__).parent.parent.parent


def loaded(path):
    """A program of benchmarks/ or docs/, as a module."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


bench = loaded(ROOT / "benchmarks" / "promises.py")
page = loaded(ROOT / "docs" / "build_promises.py")
CLAIMS: list[Claim] = bench.claims()


def played_as_due(job):
    """The line of a run that came out as it must."""
    named = {"part": job.part, "scenario": job.scenario.name, "without": job.without, "seed": job.seed}
    return {**named, "due": job.due, "word": job.due, "why": "", "took_s": 1.0}


def rows_as_promised():
    """What the file has when every run comes out as it must."""
    lines = [played_as_due(job) for part in bench.PARTS for job in bench.jobs(part)]
    return bench.counted(lines, "abc")


def results(rows):
    machine = {"system": "Linux", "cores": 2, "python": "3.11", "redis_py": "8"}
    return {"commit": "abc", "date": "today", "machine": machine, "confidence": 0.95, "rows": rows}


def test_the_page_names_every_pattern_every_scenario_and_every_hardening():
    text = page.render(results(rows_as_promised()), CLAIMS)
    for pattern in ALL:
        assert f"`{pattern.grammar}`" in text
    for claim in CLAIMS:
        assert f"`{claim.proof.name}`" in text
        for name in claim.hardenings:
            assert f"{name} (" in text
    assert "came out otherwise" not in text


def test_each_pattern_has_a_row_at_a_glance_and_one_in_a_section_that_is_linked():
    text = page.render(results(rows_as_promised()), CLAIMS)
    glance, _, rest = text.partition("## Every key")
    headings = {line.lstrip("# ").lower().replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for pattern in ALL:
        assert glance.count(f"`{pattern.grammar}`") == 1
        assert f"\n| `{pattern.grammar}` | " in rest
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= headings


def test_a_glance_says_how_redis_must_be_set():
    kept = replace(CLAIMS[0], keys=(), event="crash, AOF always", may_be={"refused": "for a while"})
    lost = replace(kept, event="crash, RDB", may_be={"lost": "what came since the last snapshot"})
    full = replace(kept, event="OOM", may_be={"lost": "all"})
    every = next(line for line in page.glance([lost, full, kept], {}).splitlines() if "[every key]" in line)
    assert "| kept: AOF always; **may be lost**: RDB (what came since the last snapshot) |" in every
    assert "| **may be lost**: all |" in every
    assert every.count("not proven") == 5


def test_a_run_that_came_out_otherwise_is_shown():
    rows = rows_as_promised()
    rows[0]["otherwise"] = [{"scenario": "x", "without": "", "seed": 7, "word": "unknown", "due": "valid", "why": "so"}]
    assert "- `x`, seed 7: unknown, not valid: so" in page.render(results(rows), CLAIMS)


def test_whole_scenarios_of_an_earlier_commit_are_taken_over_and_named(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "STATE", tmp_path)
    everything = [job for part in bench.PARTS for job in bench.jobs(part)]
    [here, there, half] = list(dict.fromkeys(job.group for job in everything))[:3]
    earlier = bench.Kept(tmp_path / "before.jsonl")
    for job in everything:
        if job.group in (here, there) or (job.group == half and job.seed == 1):
            earlier.add(played_as_due(job))
    now = [played_as_due(job) for job in everything if job.group == here]
    taken = bench.taken_over(now, "before", everything)
    assert {bench.group_of(line) for line in taken} == {there}
    rows = bench.counted([*now, *taken], "abc")
    assert [(row["scenario"], row["commit"]) for row in rows] == [(here[1], "abc"), (there[1], "before")]
    assert f"{len(taken)} runs, of whole scenarios, were played at `before`" in page._earlier(results(rows))


def test_of_a_scenario_that_was_changed_nothing_is_taken_over(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "STATE", tmp_path)
    everything = [job for part in bench.PARTS for job in bench.jobs(part)]
    kept, changed = list(dict.fromkeys(job.group for job in everything))[:2]
    earlier = bench.Kept(tmp_path / "before.jsonl")
    for job in everything:
        if job.group in (kept, changed):
            earlier.add(played_as_due(job) | {"of": job.of if job.group == kept else "another"})
    assert {bench.group_of(line) for line in bench.taken_over([], "before", everything)} == {kept}


def test_of_a_seed_that_was_played_twice_the_first_run_counts():
    job = next(bench.jobs("hardened"))
    again = played_as_due(job) | {"word": "unknown"}
    [row] = bench.counted([played_as_due(job), again], "abc")
    assert (row["runs"], row["words"]) == (1, {job.due: 1})


def test_an_earlier_commit_of_which_nothing_is_kept_is_an_error_that_names_what_is_there(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(bench, "STATE", tmp_path)
    (tmp_path / "abc.jsonl").touch()
    with pytest.raises(SystemExit, match="2"):
        bench.main(["--earlier", "abd"])
    assert "of --earlier abd nothing is kept; runs are there of abc" in capsys.readouterr().err


def test_a_scenario_that_was_not_run_makes_no_page():
    with pytest.raises(KeyError):
        page.render(results([]), CLAIMS)


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: f"{claim.proof.name}-{claim.event}")
def test_a_claim_can_be_run(claim):
    assert claim.operation
    if claim.naive is not None:
        hazard = hazard_of(claim.proof, claim.naive, promise="as designed")
        assert (hazard.workload, hazard.faults, hazard.topology) == (
            claim.proof.workload,
            claim.proof.faults,
            claim.proof.topology,
        )
        assert hazard.subject.name != claim.proof.subject.name
    names = {claim.hardened(frozenset({name})).name for name in claim.hardenings}
    assert len(names) == len(claim.hardenings), "a subject's name says what was left out of it"


@pytest.mark.parametrize("event", ["crash", "power loss", "failover", "OOM", "Redis away"])
def test_every_pattern_has_a_claim_at(event):
    told = {pattern.grammar for claim in CLAIMS if claim.event.startswith(event) for pattern in claim.keys}
    assert [pattern.grammar for pattern in ALL if pattern.grammar not in told] == []


def test_no_two_subjects_of_one_scenario_bear_one_name():
    scenarios = {claim.proof.name: claim.proof for claim in CLAIMS}
    for claim in CLAIMS:
        assert scenarios[claim.proof.name] == claim.proof
