"""Porcupine, the linearizability checker in Go, on the same histories: built from its module for a benchmark, no more.

github.com/anishathalye/porcupine; `benchmarks/porcupine/main.go` is its model of a register, a partition for each key.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from pytest_arbredis.history.columns import Columns

SOURCE = Path(__file__).parent / "porcupine" / "main.go"
VERSION = "v1.3.1"
MODULE = "github.com/anishathalye/porcupine"
BUILT_WITHIN_S = 300


def built(folder: Path) -> Path | None:
    """The program, built in a folder; None without Go. Raises `CalledProcessError` if it cannot be built."""
    go = shutil.which("go")
    if go is None:
        return None
    shutil.copy(SOURCE, folder)
    for words in (("mod", "init", "beside"), ("get", f"{MODULE}@{VERSION}"), ("build", "-o", "beside", ".")):
        subprocess.run([go, *words], cwd=folder, check=True, capture_output=True, timeout=BUILT_WITHIN_S)
    return folder / "beside"


def judged(program: Path, columns: Columns, *, within_s: int) -> dict[str, object]:
    """Its verdict, "unknown" if it did not end within so many seconds, and the seconds that it took without reading."""
    writes = columns.name == columns.names.index("write")
    completed = np.where(columns.completed_ns == NEVER, -1, columns.completed_ns)
    value = np.where(writes, columns.input, columns.output)
    rows = np.stack([writes, columns.key, value, columns.invoked_ns, completed, columns.id], axis=1).astype("<i8")
    done = subprocess.run([str(program), str(within_s)], input=rows.tobytes(), capture_output=True, check=True)
    found: dict[str, object] = json.loads(done.stdout)
    return found
