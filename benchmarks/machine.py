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


def commit() -> str:
    """The checkout's commit, `-dirty` if it was changed since; empty outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--match", ""]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def today() -> str:
    """The date, in UTC."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
