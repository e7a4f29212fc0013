"""What `make quality` counts, the bounds that it gives, and the page that says only that."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
from planted.registry import PLANTED
from planted.runs import jobs

ROOT = Path(__file__).parents[2]


def program(path):
    """A program of this checkout, with the modules beside it."""
    sys.path.insert(0, str(path.parent))
    try:
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent))
    return module


@pytest.fixture(scope="module")
def quality():
    return program(ROOT / "benchmarks" / "quality.py")


@pytest.fixture(scope="module")
def bounds():
    return program(ROOT / "benchmarks" / "bounds.py")


@pytest.fixture(scope="module")
def page():
    return program(ROOT / "docs" / "build_track_record.py")


def line(part, name, seed, word):
    return {"part": part, "name": name, "seed": seed, "word": word, "why": "why", "took_s": 1.5}


def results(quality):
    """As `make quality` writes it."""
    planted = [line("planted", "loses_writes", seed, "invalid") for seed in range(20)]
    correct = [line("correct", "fine", seed, "valid") for seed in range(199)] + [line("correct", "odd", 0, "unknown")]
    drill = {"part": "drill-process", "what": "drill", "status": 0, "took_s": 9.0, "scenarios": {"failover": "valid"}}
    thorough = {"part": "thorough", "what": "pytest", "status": 0, "took_s": 8.0, "tests": 7, "failures": 0}
    found = {**quality.planted_found(planted), "took_s": 30.0}
    judged = {**quality.correct_judged(correct), "took_s": 300.0}
    machine = {"system": "Linux", "cores": 2, "python": "3.11", "redis_py": "8"}
    head = {"commit": "abc", "date": "today", "machine": machine, "confidence": 0.95}
    return {**head, "parts": [drill, thorough, found, judged]}


@pytest.mark.parametrize(
    ("name", "hits", "runs", "expected"),
    [
        ("at_least", 20, 20, 0.8609),  # 0.05 ** (1 / 20)
        ("at_least", 320, 320, 0.9907),
        ("at_least", 0, 20, 0.0),
        ("at_least", 19, 20, 0.7839),
        ("at_most", 0, 200, 0.0149),
        ("at_most", 1, 200, 0.0235),
        ("at_most", 20, 20, 1.0),
    ],
)
def test_bounds_are_those_of_clopper_and_pearson(bounds, name, hits, runs, expected):
    assert getattr(bounds, name)(hits, runs) == pytest.approx(expected, abs=1e-4)


def test_there_are_twenty_runs_of_every_bug_and_two_hundred_of_correct_subjects():
    assert sum(1 for _ in jobs("planted")) == 20 * len(PLANTED)
    assert len({(job.name, job.seed) for job in jobs("correct")}) >= 200


def test_a_bug_that_was_missed_once_is_a_failure(quality):
    lines = [line("planted", "bug", seed, "invalid" if seed else "unknown") for seed in range(20)]
    found = quality.planted_found(lines)
    assert (found["status"], found["found"], found["runs"]) == (1, 19, 20)
    assert found["bugs"]["bug"]["at_least"] == 0.7839


@pytest.mark.parametrize(("touched", "status"), [(2, 0), (3, 1)])
def test_a_bug_that_touches_more_than_one_operation_of_a_hundred_is_a_failure(quality, page, touched, status):
    lines = [line("planted", "bug", seed, "invalid") | {"touched": touched, "of": 200} for seed in range(20)]
    found = quality.planted_found(lines)
    assert found["status"] == status
    assert f"at most {touched / 200:.2%} touched" in quality.line_of({**found, "took_s": 1})
    assert f"| bug | 20 of 20 | 86.1% | {20 * touched} of 4000 |" in page.planted(found)


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ({"valid": 200}, 0),
        ({"valid": 195, "unknown": 5}, 0),
        ({"valid": 194, "unknown": 5, "error": 1}, 1),
        ({"valid": 199, "invalid": 1}, 1),
    ],
)
def test_no_false_alarm_and_195_valid_are_wanted(quality, words, status):
    lines = [line("correct", "one", seed, word) for word, count in words.items() for seed in range(count)]
    judged = quality.correct_judged(lines)
    assert judged["status"] == status
    assert judged["false_alarms"] == words.get("invalid", 0)


def test_a_second_call_goes_on_where_the_first_was_ended(quality, tmp_path):
    kept = quality.Kept(tmp_path / "state" / "commit.jsonl")
    kept.add(line("planted", "bug", 1, "invalid"))
    with kept.path.open("a") as file:
        file.write('{"part": "planted", "na')  # ended while it wrote
    again = quality.Kept(kept.path)
    assert again.of("planted") == kept.of("planted")
    again.add(line("planted", "bug", 2, "invalid"))
    assert len(quality.Kept(kept.path).of("planted")) == 2


@pytest.fixture
def finished(quality, tmp_path, monkeypatch):
    """All parts are there, each run of the bugs with this word; gives what `main` then does, and the file."""
    monkeypatch.setattr(quality, "STATE", tmp_path)
    monkeypatch.setattr(quality, "RESULTS", tmp_path / "quality.json")
    monkeypatch.setattr(quality, "build_page", lambda: None)
    monkeypatch.setattr(quality, "run", lambda words: pytest.fail(f"{words} was run"))

    def finished(word, *, parts=None):
        kept = quality.Kept(quality.state_of(quality.commit()))
        for part in parts or quality.PARTS:
            if part in quality.RUNS:
                words = {"planted": word, "correct": "valid"}
                for job in jobs(part):
                    kept.add(line(part, job.name, job.seed, words[part]))
            else:
                kept.add({"part": part, "what": part, "status": 0, "took_s": 1.0})
        return quality.main([] if parts is None else [f"--only={parts[0]}"]), quality.RESULTS

    return finished


def test_when_all_is_there_nothing_is_run_again_and_the_file_is_written(finished):
    status, path = finished("invalid")
    assert status == 0
    told = json.loads(path.read_text())
    parts = {part["part"]: part for part in told["parts"]}
    assert parts["planted"]["found"] == parts["planted"]["runs"] == 20 * len(PLANTED)
    assert (parts["correct"]["false_alarms"], parts["correct"]["false_alarms_at_most"] < 0.015) == (0, True)
    assert told["commit"]


def test_a_missed_bug_is_in_the_file_and_in_the_status(finished):
    status, path = finished("valid")
    assert status == 1
    assert json.loads(path.read_text())["parts"][-2]["found"] == 0


def test_while_parts_are_missing_there_is_no_file(finished, capsys):
    status, path = finished("invalid", parts=("planted",))
    assert (status, path.exists()) == (3, False)
    assert "not all is there: drill-process, drill-docker, thorough, correct" in capsys.readouterr().out


def test_a_part_of_an_earlier_commit_is_taken_over_and_named(finished, quality, page, monkeypatch):
    finished("invalid", parts=("planted", "correct"))
    now = quality.commit()
    monkeypatch.setattr(quality, "commit", lambda: "later0")
    of_a_part = {"status": 0, "took_s": 1.0, "tests": 1, "failures": 0}
    for commit, parts in (("later0", ("drill-process", "thorough")), ("between", ("drill-docker", "thorough"))):
        kept = quality.Kept(quality.state_of(commit))
        for part in parts:
            kept.add({"part": part, "what": part} | of_a_part)
    first = now.removesuffix("-dirty")
    assert quality.main(["--earlier=between", f"--earlier={first}"]) == 0
    told = json.loads(quality.RESULTS.read_text())
    assert {part["part"]: part["commit"] for part in told["parts"]} == {
        "drill-process": "later0",
        "drill-docker": "between",
        "thorough": "later0",
        "planted": first,
        "correct": first,
    }
    assert "`later0` (drill-process, thorough)" in page.commits(told)


def test_the_page_says_what_the_results_say(quality, page):
    text = page.render(results(quality))
    assert "**20 of 20 runs** found their bug: at least\n86.1%" in text
    assert "| loses writes | 20 of 20 | 86.1% |" in text
    assert "**0 of 200 runs\nwere a false alarm**: at most 1.5%. 199 were valid" in text
    assert "- odd, seed 0: unknown: why" in text
    assert "| `drill` | 0 (1 of the 1 results on record valid or shown) | 9 s |" in text
    assert "at commit\n`abc`;" in text


def test_without_results_there_is_no_page(page, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(page, "RESULTS", tmp_path / "quality.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "page.md")
    assert page.main() == 2
    assert not page.PAGE.exists()
    assert "make quality" in capsys.readouterr().err


def test_the_page_is_that_of_the_results(page):
    """Both are there, or neither."""
    assert page.PAGE.exists() == page.RESULTS.exists(), "run: python docs/build_track_record.py"
    if page.RESULTS.exists():
        told = page.render(json.loads(page.RESULTS.read_text()))
        assert page.PAGE.read_text() == told, "run: python docs/build_track_record.py"
