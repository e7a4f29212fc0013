"""What it costs to load a history.jsonl: seconds and memory, into columns and into objects, each in a new process."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from goals import status
from machine import commit, described, today

RESULTS = Path(__file__).parent / "results" / "loading.json"
GOAL_S = 6.0
GOAL_MIB = 1024
MIB = 1024 * 1024


def write_history(path: Path, operations: int) -> None:
    """Unique writes and reads of a thousand keys by a hundred processes, one in a hundred of them unknown."""
    with path.open("w") as file:
        file.write(
            '{"type":"header","format":"arbredis-history","version":1,"run":"bench","seed":0,"subject":"",'
            '"model":"register","meta":{}}\n'
        )
        last = ["null"] * 1000
        for number in range(operations):
            process, key, at = number % 100, number * 7 % 1000, number * 1000
            said = {"name": "write", "input": f'"v{number}"', "output": '"OK"', "outcome": "ok"}
            if number % 2:
                said = {"name": "read", "input": "null", "output": last[key], "outcome": "ok"}
            else:
                last[key] = said["input"]
            if number % 100 == 0:
                process, said["output"], said["outcome"] = 1000 + number, "null", "unknown"
            file.write(
                f'{{"type":"op","id":{number},"process":{process},"name":"{said["name"]}","key":"arbredis:run:{key}",'
                f'"input":{said["input"]},"output":{said["output"]},"outcome":"{said["outcome"]}",'
                f'"intended_ns":{at},"invoked_ns":{at},"completed_ns":{at + 90_000},"error":null,"node":"n0",'
                f'"attempts":1}}\n'
            )


def measured(way: str, path: Path) -> dict[str, float]:
    """What loading by one way cost a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", way, str(path)], check=True, stdout=subprocess.PIPE, text=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    return found


def load_here(way: str, path: Path) -> None:
    """Load, and print what it cost: the peak of resident memory is that of the whole process."""
    from pytest_arbredis.history.column_loading import load_columns
    from pytest_arbredis.history.jsonl import load

    began, busy = time.perf_counter(), time.process_time()
    operations = len(load_columns(path).columns) if way == "columns" else len(load(path).ops)
    took_s, busy_s = time.perf_counter() - began, time.process_time() - busy
    unit = 1 if sys.platform == "darwin" else 1024
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MIB
    print(json.dumps({"operations": operations, "s": took_s, "processor_s": busy_s, "peak_mib": peak_mib}))


def main() -> int:
    """Measure, print, write. 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description="What it costs to load a history.")
    parser.add_argument("--quick", action="store_true", help="few operations: does it run?")
    parser.add_argument("--operations", type=int, nargs="*", help="how many (a million)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--child", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        load_here(asked.child[0], Path(asked.child[1]))
        return 0
    about = described()
    rows = []
    for operations in asked.operations or ([10_000] if asked.quick else [1_000_000]):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "history.jsonl"
            write_history(path, operations)
            size_mib = path.stat().st_size / MIB
            ways = {way: measured(way, path) for way in ("columns", "objects")}
        for way, cost in ways.items():
            print(
                f"{operations} operations ({size_mib:.0f} MiB) into {way}: {cost['s']:.2f} s "
                f"({cost['processor_s']:.2f} s of processor), peak {cost['peak_mib']:.0f} MiB"
            )
        rows.append({"operations": operations, "file_mib": round(size_mib, 1), **ways})
    million = next((row for row in rows if row["operations"] == 1_000_000), None)
    verdict = "not measured"
    if million is not None:
        cost = million["columns"]
        verdict = "pass" if cost["s"] <= GOAL_S and cost["peak_mib"] <= GOAL_MIB else "missed"
        print(f"a million into columns in {GOAL_S:.0f} s and {GOAL_MIB} MiB: {verdict}")
    content = {
        "benchmark": "loading",
        "commit": commit(),
        "date": today(),
        "machine": about,
        "rows": rows,
        "goal_s": GOAL_S,
        "goal_mib": GOAL_MIB,
        "verdict": verdict,
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return status([verdict])


if __name__ == "__main__":
    sys.exit(main())
