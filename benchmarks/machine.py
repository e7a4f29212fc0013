"""On what, and of what, a benchmark's figures are: without host names and without paths."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parent.parent


def described() -> dict[str, object]:
    """Machine and versions."""
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load_1_min_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "redis_py": version("redis"),
        "testcontainers": version("testcontainers"),
    }


WRITTEN_HERE = ("benchmarks/results", "docs/breakers.md", "docs/promises.md", "docs/track-record.md")
"""What such commands write themselves: the next one measures the same commit all the same."""


def commit() -> str:
    """The checkout's commit, `-dirty` if anything else was changed since; empty outside of one."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    revision = done.stdout.strip()
    return revision + "-dirty" if revision and changes() else revision


def changes() -> bytes:
    """What was changed since the commit, but for what is written here."""
    command = ["git", "diff", "HEAD", "--", ".", *(f":!{path}" for path in WRITTEN_HERE)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout


def today() -> str:
    """The date, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
