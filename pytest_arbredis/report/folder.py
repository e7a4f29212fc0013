"""A run's folder: made when the run starts, so that a crash leaves its evidence, and pruned when later ones end.

Every folder holds the file `.arbredis-run`, locked while its run lives: the lock goes with its owner, however it ends.
Only folders with that file are ever pruned.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report.prune import MARKER, prune
from pytest_arbredis.report.whole_file import link_whole, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

    from pytest_arbredis.report.result import RunResult

HOME = ".arbredis"


def runs_dir(rootdir: Path, configured: str | Path | None = None) -> Path:
    """The folder of all runs: `.arbredis/runs` below `rootdir`, or what was configured (relative to `rootdir`)."""
    return rootdir / (configured or f"{HOME}/runs")


class RunFolder:
    """The folder of one run, held until it is closed.

    `path` exists, with `logs/` in it, and `latest` beside it points to it.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock

    @classmethod
    def create(cls, runs: Path, *, scenario: str, seed: int, worker: str = "main") -> RunFolder:
        """A new folder `<time>-<scenario>-<seed>-<worker>` in `runs`, which is made if need be.

        The time is UTC in milliseconds; runs that start in the same one get different names.
        Raises `HarnessError` where it cannot be written.
        """
        try:
            _prepare(runs)
            with _sole_access(runs):
                path = _make(runs, f"{_slug(scenario)}-{seed}-{_slug(worker)}")
                (path / "logs").mkdir()
                lock = os.open(path / MARKER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
                fcntl.flock(lock, fcntl.LOCK_EX)
                latest = runs / "latest"
                if latest.is_symlink() or not latest.exists():
                    link_whole(latest, path.name)
        except OSError as error:
            message = f"the run's folder cannot be made in {runs}: {error}"
            raise HarnessError(message, remedy="choose another place: --arbredis-runs-dir=DIR") from error
        return cls(path, lock)

    @property
    def logs(self) -> Path:
        """Where the logs of the servers go."""
        return self.path / "logs"

    @property
    def history_path(self) -> Path:
        """Where the history goes."""
        return self.path / "history.jsonl"

    def write(self, result: RunResult, *, schedule: str = "") -> tuple[str, ...]:
        """Write `result.json`, `report.html` and, if given, `schedule.py`; gives remarks for the terminal.

        Without jinja2 there is `report.txt` instead of the HTML, and a remark says what is missing.
        """
        from pytest_arbredis.report.html import missing_extra, render_html
        from pytest_arbredis.report.json_result import result_json
        from pytest_arbredis.report.text import explanation

        kept = replace(result, folder=self.path)
        write_whole(self.path / "result.json", result_json(kept))
        if schedule:
            write_whole(self.path / "schedule.py", schedule.encode())
        missing = missing_extra()
        if missing:
            text = explanation(kept) + "\n"
            write_whole(self.path / "report.txt", text.encode("utf-8", "backslashreplace"))
            return (missing,)
        render_html(kept, self.path / "report.html")
        return ()

    def close(self, *, keep: str = "failed") -> None:
        """Let go of the folder, and prune the older ones; `all` are kept, or `none`, not even this. Idempotent."""
        if self._lock is None:
            return
        if keep == "none":
            shutil.rmtree(self.path, ignore_errors=True)
        lock, self._lock = self._lock, None
        os.close(lock)
        runs = self.path.parent
        with _sole_access(runs):
            if (latest := runs / "latest").is_symlink() and not latest.exists():
                latest.unlink()
            if keep != "all":
                prune(runs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _prepare(runs: Path) -> None:
    """Make the folder of all runs, hidden from version control unless it was there before."""
    fresh = not runs.exists()
    runs.mkdir(parents=True, exist_ok=True)
    home = runs.parent if runs.parent.name == HOME else runs
    ignore = home / ".gitignore"
    if (fresh or home.name == HOME) and not ignore.exists():
        write_whole(ignore, b"*\n")


def _make(runs: Path, rest: str) -> Path:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"[:-3] + f"-{rest}"
    for number in range(1, 10_000):
        path = runs / (name if number == 1 else f"{name}.{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    message = f"{runs / name} and 9998 names like it are taken"
    raise OSError(message)


def _slug(text: str) -> str:
    """The text as a part of a file's name."""
    return re.sub(r"[^A-Za-z0-9_.]+", "_", text).strip("._")[:60] or "run"


@contextmanager
def _sole_access(runs: Path) -> Iterator[None]:
    """Keeps the creation of a folder and pruning apart, over all processes."""
    lock = os.open(runs / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
