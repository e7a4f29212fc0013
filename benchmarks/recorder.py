"""What recording an operation costs: microseconds for its invocation and its completion together, by one thread."""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from machine import commit, described, today

from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header

RESULTS = Path(__file__).parent / "results" / "recorder.json"
GOAL_US = 2.5
ROUNDS = 7


def cost_us(operations: int) -> float:
    """Microseconds an operation, over so many in a new file."""
    keys = [f"arbredis:run:0:{number}" for number in range(operations)]
    values = [f"v0.{number}" for number in range(operations)]
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder) / "history.jsonl", Header(run="bench"))
        began = time.perf_counter_ns()
        for key, value in zip(keys, values, strict=True):
            token = recorder.begin(process=0, name="write", key=key, input=value, intended_ns=began)
            recorder.complete(token, outcome="ok", output=True, node="n0", attempts=1)
        took_ns = time.perf_counter_ns() - began
        recorder.close()
    return took_ns / operations / 1000


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description="What recording an operation costs.")
    parser.add_argument("--quick", action="store_true", help="few operations: does it run?")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    asked = parser.parse_args()
    operations = 1_000 if asked.quick else 50_000
    about = described()
    gc.freeze()
    rounds = [cost_us(operations) for _ in range(2 if asked.quick else ROUNDS)]
    median, best = statistics.median(rounds), min(rounds)
    verdict = "pass" if median <= GOAL_US else "missed"
    print(f"commit {commit()}, {today()}; {about}")
    print(f"recording an operation: median {median:.2f} µs, best round {best:.2f} µs; goal {GOAL_US} µs: {verdict}")
    content = {
        "benchmark": "recorder",
        "commit": commit(),
        "date": today(),
        "machine": about,
        "operations_a_round": operations,
        "rounds_us": [round(one, 3) for one in rounds],
        "median_us": round(median, 3),
        "goal_us": GOAL_US,
        "verdict": verdict,
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
