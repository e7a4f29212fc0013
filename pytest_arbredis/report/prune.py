"""Which runs are kept: those that did not come out as promised and the last ten, within a gibibyte in all."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from pathlib import Path

MARKER = ".arbredis-run"
KEEP_LAST = 10
KEEP_BYTES = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRun:
    """A folder on disk that no run uses any more."""

    path: Path
    failed: bool
    size: int


def prune(runs: Path, *, keep_last: int = KEEP_LAST, keep_bytes: int = KEEP_BYTES) -> tuple[Path, ...]:
    """Remove what need not be kept; gives the folders that it removed.

    Older than the last ones, a run is kept only if it failed or left no result. If all that is too large, runs that
    passed go first, then failures, the oldest first; the newest run and running ones always stay.
    """
    folders = sorted((path for path in runs.iterdir() if _is_run(path)), key=lambda path: path.name, reverse=True)
    ended = [KeptRun(path=path, failed=_failed(path), size=_size(path)) for path in folders if not is_running(path)]
    last = set(folders[:keep_last])
    doomed = [run for run in ended if run.path not in last and not run.failed]
    kept = [run for run in ended if run not in doomed]
    total = sum(run.size for run in kept) + sum(_size(path) for path in folders if is_running(path))
    for run in sorted(kept, key=lambda run: (run.failed, run.path.name)):
        if total <= keep_bytes:
            break
        if run.path != folders[0]:
            doomed.append(run)
            total -= run.size
    for run in doomed:
        shutil.rmtree(run.path, ignore_errors=True)
    return tuple(run.path for run in doomed)


def is_running(path: Path) -> bool:
    """Whether a living process holds this run's folder."""
    try:
        lock = os.open(path / MARKER, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _is_run(path: Path) -> bool:
    return not path.is_symlink() and (path / MARKER).is_file()


def _failed(path: Path) -> bool:
    """Whether the run is worth keeping: its verdict is not valid, or it left none."""
    try:
        content = orjson.loads((path / "result.json").read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return True
    return not (isinstance(content, dict) and content.get("verdict") == "valid")


def _size(path: Path) -> int:
    return sum(file.lstat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())
