"""Writes docs/breakers.md: circuit breakers of others, and ours, by the same scenarios on real servers.

    python docs/build_breakers.py                  run them, store what came of it, write the page
    python docs/build_breakers.py --from-results   no servers: the page anew, from benchmarks/results/

A library that is not installed stands in the table as not run, with the reason.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.report.result import RunResult

PAGE = Path(__file__).with_name("breakers.md")
RESULTS = Path(__file__).parent.parent / "benchmarks" / "results" / "breakers_of_others.json"
SEEDS = (1, 2, 3)

CLAIMS: tuple[tuple[str, str, str], ...] = (
    ("moves", "outage", "breaker_follows_its_automaton"),
    ("rejected means not sent", "rejected", "rejected_calls_were_not_sent"),
    ("one probe", "one_probe", "breaker_follows_its_automaton"),
    ("one probe, by its traffic", "traffic", "breaker_opens_by_traffic"),
    ("late calls change nothing", "late_calls", "breaker_follows_its_automaton"),
    ("no waiting for one another", "side_by_side", "guarded_calls_overlap"),
    ("wall clock does not matter", "clock_step", "breaker_follows_its_automaton"),
)
"""Column, scenario, check."""

MEANING = {
    "moves": "In an outage of 1.8 s it opens, stays so for its time-out, probes, and closes; every move is one that a "
    "breaker has; nothing is let in while it is open. How many probe is not judged here.",
    "rejected means not sent": "Whoever is told that the breaker is open was not sent. Otherwise a caller who sends "
    "again does it twice. Writes are sent here, and wait in the server (`CLIENT PAUSE WRITE`).",
    "one probe": "Of twelve clients that come while it is half-open, one is let in.",
    "one probe, by its traffic": "A bot of eight threads, of which nothing is known but what the server saw: while "
    "every answer comes too late, one command arrives in each time-out, and then the traffic again.",
    "late calls change nothing": "Reads hang and writes are well: a write has closed the breaker when the reads that "
    "were let in before say that they failed. One failure opens it here.",
    "no waiting for one another": "With 60 ms of latency and nothing failing, calls are under way side by side.",
    "wall clock does not matter": "When it opens, the wall clock that the library reads is set back by an hour. (The "
    "clock of the library's module is replaced, not the machine's.)",
}
TOLD = {
    "pytest-arbredis": "a listener",
    "pybreaker": "a listener",
    "purgatory": "its context's moves, watched: its events come when the call has ended",
    "circuitbreaker": "nothing: assignments to its state, and entries, watched",
}
WORDS = {"valid": "held", "invalid": "**violated**", "unknown": "not decided", "not run": "not run"}

HEAD = """\
# Circuit breakers around one Redis client

What circuit breakers do when Redis fails, judged by the same scenarios (`scenarios/others_breakers.py`) and the same
checks on real servers: one redis-py client without retries, twelve threads, 240 calls a second, open for 0.4 s after
three failures in a row (one, where late calls are judged). The promises are those of the pattern (Nygard, Release It!):
a library need not have made them, and may be right for what it was made for. Everything else is as each has it by
default (pybreaker does not disguise the call that opens it with `throw_new_error_on_trip=False`).

{runs} runs at commit `{commit}`, on {date}; {machine}. Run again by `python docs/build_breakers.py`, which wrote this
page and adds nothing of its own; one scenario by `arbredis drill others_breakers.NAME.LIBRARY`.
"""


def render(results: dict[str, Any]) -> str:
    """The page. Raises `KeyError` for a part that is missing."""
    machine = results["machine"]
    where = f"{machine['system']}, {machine['cores']} cores, Python {machine['python']}, redis-py {machine['redis_py']}"
    where += f", Redis {results['redis']}"
    runs: list[dict[str, Any]] = results["runs"]
    libraries = list(dict.fromkeys(run["library"] for run in runs))
    head = HEAD.format(
        runs=len({(run["scenario"], run["library"], run["seed"]) for run in runs if run["verdict"] != "not run"}),
        commit=results["commit"],
        date=results["date"],
        machine=where,
    )
    rows = [["library", *(column for column, _, _ in CLAIMS)], ["---"] * (len(CLAIMS) + 1)]
    for library in libraries:
        mine = [run for run in runs if run["library"] == library]
        name = f"{library} {mine[0]['version']}".strip()
        rows.append([name, *(cell([run for run in mine if run["claim"] == column]) for column, _, _ in CLAIMS)])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    meaning = "\n".join(f"- **{column}**: {MEANING[column]}" for column, _, _ in CLAIMS)
    tells = "\n".join(f"- {library}: {TOLD[library]}" for library in libraries)
    found = "\n".join(line for library in libraries for line in found_in(library, runs))
    return f"{head}\n{table}\n\n{meaning}\n\nTheir moves are known from:\n\n{tells}\n\n## What was seen\n\n{found}\n"


def cell(runs: Sequence[dict[str, Any]]) -> str:
    """One claim of one library: the worst verdict, and in how many runs."""
    count = Counter(run["verdict"] for run in runs)
    worst = next(word for word in ("invalid", "unknown", "not run", "valid") if count[word])
    return WORDS[worst] if worst == "not run" else f"{WORDS[worst]} ({count[worst]} of {len(runs)})"


def found_in(library: str, runs: Sequence[dict[str, Any]]) -> list[str]:
    """What the first run of each claim that did not simply hold said, in the check's own words."""
    lines = []
    for column, _, _ in CLAIMS:
        mine = [run for run in runs if run["library"] == library and run["claim"] == column]
        for word in ("invalid", "unknown", "not run"):
            one = next((run for run in mine if run["verdict"] == word), None)
            if one is not None:
                lines.append(f"- {library}, {column}, {WORDS[word]} (seed {one['seed']}): {plain(one['summary'])}")
    return lines


def plain(text: str) -> str:
    """A check's words inside a list of Markdown."""
    return text.replace("\n", " ").replace("|", "\\|").replace("*", "\\*").replace("<", "\\<")


def run_all(seeds: Sequence[int]) -> dict[str, Any]:
    """Every scenario of the file with every seed, on processes."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))
    from machine import commit, described, today  # benchmarks/machine.py

    from pytest_arbredis.run import run
    from pytest_arbredis.scenarios.others_breakers import ALL
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.pool import DeploymentPool

    about, runs, redis = described(), [], "?"
    with tempfile.TemporaryDirectory() as folder, DeploymentPool(Means(launcher="process")) as pool:
        for scenario in ALL:
            for seed in seeds:
                result = run(scenario, pool, seed=seed, runs_dir=Path(folder), keep="none")
                runs += rows_of(result, seed)
                redis = str(result.deployment.get("redis", redis))
                print(f"{scenario.name}, seed {seed}: {', '.join(one['verdict'] for one in rows_of(result, seed))}")
    return {
        "results": "breakers_of_others",
        "commit": commit(),
        "date": today(),
        "machine": about,
        "redis": redis,
        "runs": runs,
    }


def rows_of(result: RunResult, seed: int) -> list[dict[str, Any]]:
    """One row for each claim that a run judged. A run without evidence decides nothing, but proves a violation."""
    _, scenario, library = result.scenario.split(".", 2)
    subject = "" if result.history is None else result.history.header.subject.removeprefix(library).strip()
    rows = []
    for column, of, claim in CLAIMS:
        if of != scenario:
            continue
        row = {"library": library, "version": subject, "scenario": of, "claim": column, "seed": seed}
        finding = next((one for one in result.findings if one.claim == claim), None)
        guard = next((one for one in result.findings if one.claim == "vacuity_guard"), None)
        if finding is None or guard is None:
            rows.append({**row, "verdict": "not run", "summary": result.not_run})
        elif finding.verdict.word == "valid" and guard.verdict.word != "valid":
            rows.append({**row, "verdict": "unknown", "summary": guard.summary})
        else:
            rows.append({**row, "verdict": finding.verdict.word, "summary": finding.summary})
    return rows


def main() -> int:
    """Run or read, and write."""
    parser = argparse.ArgumentParser(description="Circuit breakers of others, judged.")
    parser.add_argument("--from-results", action="store_true", help="no servers: from what is stored")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="runs of each scenario")
    asked = parser.parse_args()
    if asked.from_results:
        if not RESULTS.exists():
            print(f"{RESULTS.name} is not there\n  remedy: python docs/build_breakers.py", file=sys.stderr)
            return 2
        results = json.loads(RESULTS.read_text())
    else:
        results = run_all(range(1, asked.seeds + 1))
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    PAGE.write_text(render(results))
    print(f"written: {PAGE.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
