"""Drills as processes of their own, each under a mark by which everything that belongs to it is found again."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis._clock import wait_until
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.lines import HistoryWarning
from pytest_arbredis.history.whereabouts import located
from pytest_arbredis.servers.images import Reason, engine
from pytest_arbredis.servers.owners import PID
from pytest_arbredis.servers.ports import _listeners
from pytest_arbredis.servers.sweep import list_containers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.history.history import History

MARK = "ARBREDIS_TEST_MARK"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a command ended."""

    status: int
    out: str
    err: str
    took_s: float


@dataclass(eq=False)
class Drill:
    """A command that was started: `arbredis …` in a session of its own."""

    process: subprocess.Popen[str]
    mark: str
    runs: Path

    @property
    def folders(self) -> list[Path]:
        """The temporary folders of its deployments."""
        return list(Path(tempfile.gettempdir()).glob(f"arbredis-{self.process.pid}-*"))

    def ports(self) -> set[int]:
        """All ports that its servers were told to listen on."""
        found: set[int] = set()
        for folder in self.folders:
            with contextlib.suppress(OSError, ValueError):
                for conf in folder.glob("*/redis.conf"):
                    found |= {int(port) for port in re.findall(r"(?m)^port (\d+)", conf.read_text())}
                for config in folder.glob("*/proxies.json"):
                    found |= {int(entry["listen"].rpartition(":")[2]) for entry in json.loads(config.read_text())}
        return found - {0}

    def processes(self) -> dict[int, str]:
        """Its processes, itself and those in containers included, with their command lines."""
        found: dict[int, str] = {}
        root = f"{tempfile.gettempdir()}/arbredis-{self.process.pid}-"
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                marked = f"{MARK}={self.mark}".encode() in (entry / "environ").read_bytes().split(b"\0")
                if marked or str((entry / "cwd").readlink()).startswith(root):
                    words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(entry.name)] = words
        return found

    def containers(self) -> list[str]:
        """Names of the containers that it owns; none where there is no engine."""
        found = engine()
        if isinstance(found, Reason):
            return []
        return [str(one["Names"]) for one in list_containers(found.host, f"{PID}={self.process.pid}")]

    def leftovers(self, ports: set[int], *, docker: bool) -> list[str]:
        """Everything of it that is still there. A port counts unless a stranger has taken it meanwhile."""
        left = [f"pid {pid}: {words}" for pid, words in self.processes().items()]
        left += [f"folder {folder}" for folder in self.folders]
        left += [f"container {name}" for name in self.containers()] if docker else []
        if left:  # whoever listens is named by now; and without a process of ours nobody of ours listens
            left += [f"port {port}" for port in ports if any(_listeners(port))]
        return left

    def gone(self, ports: set[int], *, within_s: float, docker: bool) -> float:
        """Wait until nothing of it is left; gives how many seconds that took."""
        began = time.monotonic()
        last: list[str] = []

        def nothing() -> bool:
            nonlocal last
            last = self.leftovers(ports, docker=docker)
            return not last

        try:
            wait_until(nothing, within_s=within_s, every_s=0.05, what=f"the end of all of drill {self.process.pid}")
        except Exception as error:
            raise AssertionError(f"after {within_s} s there is still: {last}") from error
        return time.monotonic() - began

    def histories(self) -> list[History]:
        """The histories that it began, each of which can be loaded."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HistoryWarning)
            folders = [path for path in sorted(self.runs.glob("*/")) if not path.is_symlink()]
            return [load(folder) for folder in folders if located(folder).exists()]

    def finished(self, *, within_s: float = 60.0) -> Finished:
        """Wait for its end: status and output."""
        began = time.monotonic()
        out, err = self.process.communicate(timeout=within_s)
        return Finished(status=self.process.returncode, out=out, err=err, took_s=time.monotonic() - began)

    def end(self) -> None:
        """Not to leave anything behind ourselves."""
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


def start(
    arguments: Sequence[str], *, runs: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Drill:
    """Start `arbredis drill …` with its runs in `runs`, in a process group of its own."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_arbredis.cli", "drill", *arguments, "--runs-dir", str(runs)],
        env={**os.environ, **(env or {}), MARK: mark},
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    return Drill(process=process, mark=mark, runs=runs)
