"""What recording an operation costs: microseconds for its invocation and its completion together, by one thread.

Beside it, in the same run, what cannot be done with less (two tuples appended to a list, which no crash survives) and
what is done by most (two JSON lines written to a file): their ratios hold on a busy machine too, the microseconds
hardly do.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
from goals import status
from machine import commit, described, today

from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.tokens import OpToken

RESULTS = Path(__file__).parent / "results" / "recorder.json"
GOAL_US = 2.5
ROUNDS = 9
THREADS = 4


def by_recorder(folder: Path, keys: list[str], values: list[str]) -> None:
    """The recorder, with unique keys and values: nothing repeats but names."""
    with_recorder(Recorder(folder / "history.jsonl", Header(run="bench")), 0, keys, values)


def with_recorder(recorder: Recorder, process: int, keys: list[str], values: list[str]) -> None:
    """One thread's share."""
    wanted = time.monotonic_ns()
    for key, value in zip(keys, values, strict=True):
        token: OpToken = recorder.begin(process=process, name="write", key=key, input=value, intended_ns=wanted)
        recorder.complete(token, outcome="ok", output=True, node="n0", attempts=1)


def by_reads(folder: Path, keys: list[str], values: list[str]) -> None:
    """The recorder, where every operation has an answer of its own."""
    recorder = Recorder(folder / "history.jsonl", Header(run="bench"))
    wanted = time.monotonic_ns()
    for key, value in zip(keys, values, strict=True):
        token: OpToken = recorder.begin(process=0, name="read", key=key, intended_ns=wanted)
        recorder.complete(token, outcome="ok", output=value, node="n0", attempts=1)


def by_threads(folder: Path, keys: list[str], values: list[str]) -> None:
    """The recorder, by four threads that share the interpreter."""
    recorder = Recorder(folder / "history.jsonl", Header(run="bench"))
    threads = [
        threading.Thread(target=with_recorder, args=(recorder, number, keys[number::THREADS], values[number::THREADS]))
        for number in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def by_tuples(_: Path, keys: list[str], values: list[str]) -> None:
    """Two tuples in a list."""
    wanted = time.monotonic_ns()
    kept: list[tuple[object, ...]] = []
    for key, value in zip(keys, values, strict=True):
        kept.append((0, "write", key, value, wanted, time.monotonic_ns()))
        kept.append((0, "ok", True, "n0", 1, time.monotonic_ns()))


def by_lines(folder: Path, keys: list[str], values: list[str]) -> None:
    """Two JSON lines, each handed to the kernel as it must be to survive the process."""
    wanted = time.monotonic_ns()
    with (folder / "lines").open("wb", buffering=0) as file:
        for key, value in zip(keys, values, strict=True):
            line = {"type": "op", "process": 0, "name": "write", "key": key, "input": value, "intended_ns": wanted}
            file.write(orjson.dumps({**line, "invoked_ns": time.monotonic_ns()}) + b"\n")
            line |= {"outcome": "ok", "output": True, "node": "n0", "attempts": 1}
            file.write(orjson.dumps({**line, "completed_ns": time.monotonic_ns()}) + b"\n")


WAYS: dict[str, Callable[[Path, list[str], list[str]], None]] = {
    "recorder": by_recorder,
    "recorder, unique answers": by_reads,
    "recorder, four threads": by_threads,
    "tuples in a list": by_tuples,
    "JSON lines": by_lines,
}


def cost_us(way: Callable[[Path, list[str], list[str]], None], operations: int) -> tuple[float, float]:
    """Microseconds an operation, over so many: by the clock, and of the processor."""
    keys = [f"arbredis:run:0:{number}" for number in range(operations)]
    values = [f"v0.{number}" for number in range(operations)]
    with tempfile.TemporaryDirectory() as folder:
        began, busy = time.perf_counter_ns(), time.process_time_ns()
        way(Path(folder), keys, values)
        took, used = time.perf_counter_ns() - began, time.process_time_ns() - busy
    return took / operations / 1000, used / operations / 1000


def main() -> int:
    """Measure, print, write. 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description="What recording an operation costs.")
    parser.add_argument("--quick", action="store_true", help="few operations: does it run?")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    asked = parser.parse_args()
    operations = 1_000 if asked.quick else 50_000
    about = described()
    gc.freeze()
    rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    for _ in range(2 if asked.quick else ROUNDS):
        for name, way in WAYS.items():  # in turn, so that a busy second is everybody's
            rounds[name].append(cost_us(way, operations))
    print(f"commit {commit()}, {today()}; {about}")
    floor = statistics.median(used for _, used in rounds["tuples in a list"])
    rows = {}
    for name, costs in rounds.items():
        median, best = statistics.median(took for took, _ in costs), min(took for took, _ in costs)
        used = statistics.median(used for _, used in costs)
        rows[name] = {
            "median_us": round(median, 3),
            "best_us": round(best, 3),
            "processor_us": round(used, 3),
            "ratio_to_tuples": round(used / floor, 2),
            "rounds_us": [round(took, 3) for took, _ in costs],
        }
        print(
            f"{name:25} median {median:6.2f} µs, best round {best:6.2f} µs, of the processor {used:6.2f} µs, "
            f"{used / floor:5.1f} times two tuples"
        )
    verdicts = {
        measure: "pass" if statistics.median(cost[number] for cost in rounds["recorder"]) <= GOAL_US else "missed"
        for number, measure in enumerate(("by the clock", "of the processor"))
    }
    print(f"goal {GOAL_US} µs an operation: " + ", ".join(f"{each} {verdict}" for each, verdict in verdicts.items()))
    content = {
        "benchmark": "recorder",
        "commit": commit(),
        "date": today(),
        "machine": about,
        "operations_a_round": operations,
        "ways": rows,
        "goal_us": GOAL_US,
        "verdict": verdicts["by the clock"],
        "verdict_of_the_processor": verdicts["of the processor"],
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return status(verdicts.values())


if __name__ == "__main__":
    sys.exit(main())
