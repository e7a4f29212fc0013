"""Who owns a container: labels by which anybody can tell, later, that its owner is gone and that it may go too."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OWNER = "arbredis.owner"
PID = "arbredis.pid"
STARTED = "arbredis.started"
PLACE = "arbredis.place"
"""Machine and pid namespace: only there does the pid mean anything."""
PROC = Path("/proc")


def owner_labels(nonce: str) -> dict[str, str]:
    """The labels of a container that this process owns under `nonce`."""
    pid = os.getpid()
    return {OWNER: nonce, PID: str(pid), STARTED: process_start(pid) or "", PLACE: _place()}


def owner_filter(nonce: str) -> str:
    """The label by which all containers of one owner are found."""
    return f"{OWNER}={nonce}"


def owner_is_gone(labels: Mapping[str, str]) -> bool:
    """True if the owner was a process of this machine that no longer runs. False wherever that cannot be known."""
    pid = labels.get(PID, "")
    if labels.get(PLACE) != _place() or not pid.isdigit() or not labels.get(STARTED):
        return False
    return process_start(int(pid)) != labels[STARTED]


def process_start(pid: int) -> str | None:
    """When a running process started, as text that no other process with its pid ever has; None if there is none."""
    if PROC.is_dir():
        try:
            boot = (PROC / "sys" / "kernel" / "random" / "boot_id").read_text("ascii").strip()
            # The name of the program stands in parentheses and may contain anything; 22nd field, counted from 1.
            fields = (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in {"Z", "X"} else f"{boot}:{fields[19]}"
    asked = subprocess.run(["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


@functools.cache
def _place() -> str:
    try:
        machine = Path("/etc/machine-id").read_text("ascii").strip()
    except OSError:
        machine = ""
    try:
        namespace = str((PROC / "self" / "ns" / "pid").readlink())
    except OSError:
        namespace = ""
    return f"{machine or platform.node()} {namespace}".strip()
