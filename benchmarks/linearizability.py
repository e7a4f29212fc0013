"""How long it takes to judge registers: zones on 10³ to 10⁷ operations, the search on fewer. Loading is not counted.

Porcupine judges the same histories beside it, where Go is there; it has a minute for each, and after one that it could
not end none that is larger.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from goals import status
from machine import commit, described, today
from porcupine_beside import MODULE, VERSION, built, judged

from pytest_arbredis.checkers.linearizable import RegisterIsLinearizable
from pytest_arbredis.history.columns import NEVER, Columns

if TYPE_CHECKING:
    from numpy.typing import NDArray

RESULTS = Path(__file__).parent / "results" / "linearizability.json"
GOALS_S = {1_000_000: 1.0, 10_000_000: 15.0}
GOAL_GIB = 4.0
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
SEARCHED = (1_000, 10_000, 100_000)
STEP_NS = 1_000
BESIDE_WITHIN_S = 60


def made(operations: int, *, keys: int, concurrency: int, unique: bool, seed: int = 0) -> Columns:
    """A linearizable history: half reads, half writes, of which 1 % unknown (half of those took effect).

    Operation i takes effect at one instant; it was invoked and completed up to `concurrency` operations before and
    after. Values that are not unique are one of five.
    """
    chance = np.random.default_rng(seed)
    instant = (np.arange(operations, dtype=np.int64) + concurrency) * STEP_NS
    reach = concurrency * STEP_NS // 2
    invoked = instant - chance.integers(0, reach, operations)
    completed = instant + chance.integers(0, reach, operations)
    key = chance.integers(0, keys, operations, dtype=np.int32)
    writes = chance.random(operations) < 0.5
    unknown = writes & (chance.random(operations) < 0.01)
    applied = writes & ~(unknown & (chance.random(operations) < 0.5))
    numbers = np.arange(operations) if unique else chance.integers(0, 5, operations)
    value = np.where(writes, numbers, -1).astype(np.int32)
    output = np.where(writes, -1, _held(key, value, applied)).astype(np.int32)
    order = np.argsort(invoked, kind="stable")
    completed[unknown] = NEVER
    values = tuple(f"v{number}" for number in range(int(numbers.max()) + 1))
    return Columns(
        id=np.arange(operations, dtype=np.int64),
        process=np.arange(operations, dtype=np.int64),
        name=np.where(writes, 0, 1).astype(np.int32)[order],
        key=key[order],
        outcome=np.where(unknown, 2, 0).astype(np.int8)[order],
        invoked_ns=invoked[order],
        completed_ns=completed[order],
        input=value[order],
        output=output[order],
        final=np.zeros(operations, dtype=np.bool_),
        sent=np.ones(operations, dtype=np.bool_),
        confirmed=np.full(operations, -1, dtype=np.int32),
        names=("write", "read"),
        keys=tuple(f"k{number}" for number in range(keys)),
        values=values,
    )


def _held(key: NDArray[np.int32], value: NDArray[np.int32], applied: NDArray[np.bool_]) -> NDArray[np.int32]:
    """The value that each operation's key held at its instant."""
    order = np.argsort(key, kind="stable")
    place = np.arange(len(key))
    first = np.r_[True, key[order][1:] != key[order][:-1]]
    last = np.maximum.accumulate(np.where(applied[order] | first, place, 0))
    held = np.where(applied[order][last], value[order][last], -1)
    found = np.empty(len(key), dtype=np.int32)
    found[order] = held
    return found


def measured(
    operations: int, *, keys: int, concurrency: int, unique: bool, beside: str = "", within_s: int = BESIDE_WITHIN_S
) -> dict[str, object]:
    """One judgement, in this process: seconds, and the most memory there ever was; then that of `beside`, if given."""
    columns = made(operations, keys=keys, concurrency=concurrency, unique=unique)
    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    finding = RegisterIsLinearizable().of_columns(columns)
    took = time.perf_counter() - began
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "operations": operations,
        "keys": keys,
        "concurrency": concurrency,
        "unique_values": unique,
        "verdict": finding.verdict.word,
        "seconds": round(took, 4),
        "steps": finding.figures["steps"],
        "peak_gib": round(most / 2**20, 2),
        "peak_gib_before": round(loaded / 2**20, 2),
        "porcupine": judged(Path(beside), columns, within_s=within_s) if beside else None,
    }


def in_a_process(**arguments: object) -> dict[str, object]:
    """The same in a new process, so that its memory is its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--one", json.dumps(arguments)], capture_output=True, text=True, check=True
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def main() -> int:
    """Measure, print, write. 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few operations: does it run?")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    parser.add_argument("--beside-within-s", type=int, default=BESIDE_WITHIN_S, help="what Porcupine has for each")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        print(json.dumps(measured(**json.loads(asked.one))))
        return 0
    about, most = described(), 10_000 if asked.quick else SIZES[-1]
    cases = [(size, True, keys) for size in SIZES for keys in (1, max(1, size // 100))]
    cases += [(size, False, max(1, size // 100)) for size in SEARCHED] + [(1_000, False, 1)]
    rows = []
    with tempfile.TemporaryDirectory(prefix="arbredis-porcupine-") as folder:
        program = built(Path(folder))
        too_long: set[tuple[bool, bool, int]] = set()
        for size, unique, keys in cases:
            for concurrency in (5, 100):
                if size > most:
                    continue
                shape = (unique, keys == 1, concurrency)
                beside = "" if program is None or shape in too_long else str(program)
                row = in_a_process(
                    operations=size,
                    keys=keys,
                    concurrency=concurrency,
                    unique=unique,
                    beside=beside,
                    within_s=asked.beside_within_s,
                )
                rows.append(row)
                if isinstance(row["porcupine"], dict) and row["porcupine"]["verdict"] == "unknown":
                    too_long.add(shape)
    print(f"commit {commit()}, {today()}; {about}")
    for row in rows:
        print(json.dumps(row))
    judged = [row for row in rows if row["unique_values"] and row["operations"] in GOALS_S]
    met = all(
        row["verdict"] == "valid"
        and float(str(row["seconds"])) <= GOALS_S[int(str(row["operations"]))]
        and float(str(row["peak_gib"])) <= GOAL_GIB
        for row in judged
    )
    verdict = ("pass" if met else "missed") if judged else "not measured"
    print(f"10⁶ in {GOALS_S[1_000_000]} s, 10⁷ in {GOALS_S[10_000_000]} s and {GOAL_GIB} GiB: {verdict}")
    content = {"benchmark": "linearizability", "commit": commit(), "date": today(), "machine": about}
    beside = None if program is None else {"module": MODULE, "version": VERSION, "within_s": asked.beside_within_s}
    content |= {"porcupine": beside, "goals_s": GOALS_S, "goal_gib": GOAL_GIB, "verdict": verdict, "rows": rows}
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return status([verdict])


if __name__ == "__main__":
    sys.exit(main())
