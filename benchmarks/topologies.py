"""What topologies cost: ready, reset, teardown on processes and containers, and thirty crash failovers in a row.

`make bench`, or `python benchmarks/topologies.py --quick` for one of each on processes. Figures, goals and machine go
to `benchmarks/results/topologies.json`; ratios are within one run.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from failovers import Elections, crash_and_measure
from goals import status
from machine import commit, described, today

from pytest_arbredis import topologies
from pytest_arbredis.errors import ArbredisError
from pytest_arbredis.topology.deploy import deploy_with
from pytest_arbredis.topology.means import Means, choose

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.topology.means import Chosen

RESULTS = Path(__file__).parent / "results" / "topologies.json"
TOPOLOGY = topologies.sentinel(replicas=2, sentinels=3)
GOALS = {
    "process": {"ready_s": 0.6, "reset_s": 0.3, "reset_after_failover_s": 0.3, "teardown_s": 0.15},
    "docker": {"ready_s": 1.5, "reset_s": 0.3, "reset_after_failover_s": 0.3, "teardown_s": 0.8},
}
"""Of the median, in seconds."""
FAILOVER_MEDIAN_S, FAILOVER_MAX_S, MOST_ABORTED = 2.0, 3.5, 1


@dataclass(kw_only=True)
class Figures:
    """The measured seconds of one launcher, by what was measured."""

    versions: dict[str, str]
    seconds: dict[str, list[float]] = field(default_factory=dict)
    aborted: int = 0

    def time(self, what: str, action: Callable[[], object]) -> object:
        """Time one more."""
        began = time.perf_counter()
        result = action()
        self.seconds.setdefault(what, []).append(time.perf_counter() - began)
        return result

    def median(self, what: str) -> float:
        """The median of what was measured."""
        return statistics.median(self.seconds[what])


def measure(chosen: Chosen, *, count: int, failovers: int) -> Figures:
    """All figures of one launcher."""
    figures = Figures(versions={})
    for number in range(count):
        say(f"{chosen.name}: ready and teardown {number + 1}/{count}")
        began = time.perf_counter()
        deployment = deploy_with(TOPOLOGY, chosen)
        figures.seconds.setdefault("ready_s", []).append(time.perf_counter() - began)
        figures.versions = {name: deployment.described[name] for name in ("redis", "toxiproxy")}
        figures.time("teardown_s", deployment.close)
    with deploy_with(TOPOLOGY, chosen) as deployment:
        for number in range(count):
            say(f"{chosen.name}: reset {number + 1}/{count}")
            figures.time("reset_s", deployment.reset)
        for number in range(count):
            say(f"{chosen.name}: reset after a failover {number + 1}/{count}")
            crash_and_measure(deployment, -number)
            figures.time("reset_after_failover_s", deployment.reset)
        with Elections(deployment) as elections:
            for number in range(failovers):
                say(f"{chosen.name}: failover {number + 1}/{failovers}, {elections.aborted} aborted elections")
                one = crash_and_measure(deployment, number)
                figures.seconds.setdefault("failover_written_s", []).append(one.written_s)
                figures.seconds.setdefault("failover_announced_s", []).append(one.announced_s)
            figures.aborted = elections.aborted
    return figures


def judged(name: str, figures: Figures) -> list[dict[str, object]]:
    """A line for each figure that has a goal."""
    lines: list[tuple[str, float, float]] = [
        (f"{what} median", figures.median(what), goal) for what, goal in GOALS[name].items()
    ]
    written = figures.seconds["failover_written_s"]
    lines += [
        ("failover_written_s median", statistics.median(written), FAILOVER_MEDIAN_S),
        ("failover_written_s max", max(written), FAILOVER_MAX_S),
        (f"aborted elections in {len(written)} failovers", float(figures.aborted), float(MOST_ABORTED)),
    ]
    return [
        {
            "launcher": name,
            "figure": figure,
            "value": round(value, 4),
            "goal": goal,
            "verdict": "pass" if value <= goal else "missed",
        }
        for figure, value, goal in lines
    ]


def ratios(all_figures: dict[str, Figures]) -> dict[str, float]:
    """Medians of containers over those of processes, where both were measured."""
    if set(all_figures) != {"process", "docker"}:
        return {}
    process, docker = all_figures["process"], all_figures["docker"]
    return {what: round(docker.median(what) / process.median(what), 3) for what in process.seconds}


def report(all_figures: dict[str, Figures], about: dict[str, object]) -> dict[str, object]:
    """Everything, as it is written to the file."""
    return {
        "benchmark": "topologies",
        "topology": str(TOPOLOGY),
        "commit": commit(),
        "date": today(),
        "machine": about,
        "launchers": {
            name: {
                "versions": figures.versions,
                **{
                    what: {
                        "n": len(values),
                        "median": round(statistics.median(values), 4),
                        "max": round(max(values), 4),
                        "values": [round(value, 4) for value in values],
                    }
                    for what, values in figures.seconds.items()
                },
                "aborted_elections": figures.aborted,
            }
            for name, figures in all_figures.items()
        },
        "goals": [line for name, figures in all_figures.items() for line in judged(name, figures)],
        "ratios_docker_to_process": ratios(all_figures),
    }


def show(content: dict[str, object], all_figures: dict[str, Figures]) -> None:
    """Figures beside their goals."""
    say("")
    print(f"{content['topology']}; commit {content['commit']}, {content['date']}; {content['machine']}")
    print(f"{'launcher':9} {'figure':40} {'value':>9} {'goal':>7}")
    for name, figures in all_figures.items():
        for line in judged(name, figures):
            print(f"{name:9} {line['figure']:40} {line['value']:9.3f} {line['goal']:7.2f}  {line['verdict']}")
        for what, values in figures.seconds.items():
            print(f"{name:9} {what:40} median {statistics.median(values):.3f}, max {max(values):.3f}, n {len(values)}")
    if content["ratios_docker_to_process"]:
        print(f"docker / process: {content['ratios_docker_to_process']}")


def say(text: str) -> None:
    """Progress, on a terminal only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main() -> int:
    """Measure, print, write. 1 if a goal was missed, 4 if something of ours failed."""
    parser = argparse.ArgumentParser(description="What topologies cost, on processes and containers.")
    parser.add_argument("--quick", action="store_true", help="one of each, on processes: does it run?")
    parser.add_argument("--launcher", choices=("process", "docker"), help="only this one (default: all that there are)")
    parser.add_argument("--count", type=int, default=10, help="deployments and resets (10)")
    parser.add_argument("--failovers", type=int, default=30, help="crash failovers in a row (30)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    asked = parser.parse_args()
    count, failovers = (1, 1) if asked.quick else (max(1, asked.count), max(1, asked.failovers))
    names = [asked.launcher] if asked.launcher else ["process"] if asked.quick else ["process", "docker"]
    about = described()
    all_figures: dict[str, Figures] = {}
    for name in names:
        try:
            chosen = choose(Means(launcher=name))
        except ArbredisError as error:
            print(f"{name}: not measured: {error}", file=sys.stderr)
            continue
        try:
            all_figures[name] = measure(chosen, count=count, failovers=failovers)
        except ArbredisError as error:
            print(f"{name}: {error}", file=sys.stderr)
            return 4
    if not all_figures:
        return 4
    content = report(all_figures, about)
    show(content, all_figures)
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return status(line["verdict"] for name, figures in all_figures.items() for line in judged(name, figures))


if __name__ == "__main__":
    sys.exit(main())
