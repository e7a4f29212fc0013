"""Cores that stay awake while time is measured.

An idle core sleeps, and a virtual one gives itself back to its host: the next request pays for its waking, 30 to 60 µs
in the median and more in the tail. A busy service does not pay that, so a budget is measured without it. Two ways, the
better one first:

1. `/dev/cpu_dma_latency` (root, Linux with a cpuidle driver): while the file is open with the value 0, idle cores poll
   instead of sleeping. It costs no process and no quota, and ends with our last breath.
2. A process a core that spins with the policy SCHED_IDLE (`spinner.py`) and yields at once to everybody else. Not under
   a CPU quota, which it would use up; not where cores share hardware threads, where it would slow its neighbour.

Where neither is possible nothing is done, and the reason is told. `ARBREDIS_KEEP_AWAKE=off` turns it off.
"""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.load.cpu_quota import cpu_quota

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.records import Json

VARIABLE = "ARBREDIS_KEEP_AWAKE"
OFF = frozenset({"off", "0", "no", "false"})
KIND = "wakefulness"
"""Kind of the note in a history."""
DEVICE = Path("/dev/cpu_dma_latency")
DRIVER = Path("/sys/devices/system/cpu/cpuidle/current_driver")
CORES = Path("/sys/devices/system/cpu")
SPINNER = Path(__file__).with_name("spinner.py")
MOST_SPINNERS = 8
AWAKE_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wakefulness:
    """How many cores are kept awake and how, or why none is."""

    cores: int = 0
    how: str = ""
    why_not: str = ""

    @property
    def noted(self) -> dict[str, Json]:
        """The data of its note in a history."""
        return {"kind": KIND, "cores": self.cores, "how": self.how, "why_not": self.why_not}


@contextmanager
def keep_awake(*, wanted: bool = True) -> Iterator[Wakefulness]:
    """While entered, the cores that we may use stay awake, if that is possible here; never raises for that.

    To be left by the thread that entered it: spinners die with the thread that started them.
    """
    with contextlib.ExitStack() as undo:
        yield _begun(undo, wanted=wanted)


def _begun(undo: contextlib.ExitStack, *, wanted: bool) -> Wakefulness:
    if not wanted or os.environ.get(VARIABLE, "").lower() in OFF:
        return Wakefulness(why_not="turned off")
    if sys.platform != "linux":
        return Wakefulness(why_not=f"not possible on {sys.platform}")
    cores = sorted(os.sched_getaffinity(0))
    if _without_idle_states(undo):
        return Wakefulness(cores=len(cores), how=f"without idle states ({DEVICE})")
    if why := _no_spinners(cores):
        return Wakefulness(why_not=why)
    try:
        for core in cores:
            _spin(undo, core)
    except OSError as error:
        undo.close()
        return Wakefulness(why_not=f"no spinner could be started: {error}")
    return Wakefulness(cores=len(cores), how="by spinners of idle priority")


def _without_idle_states(undo: contextlib.ExitStack) -> bool:
    """Ask the kernel for cores that answer at once; False where that is not ours to ask, or changes nothing."""
    try:
        if DRIVER.read_text().strip() in {"", "none"}:
            return False
        device = os.open(DEVICE, os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        return False
    undo.callback(os.close, device)
    try:
        os.write(device, struct.pack("i", 0))
    except OSError:
        return False
    return True


def _no_spinners(cores: list[int]) -> str:
    """Why spinning would not help; empty if it would."""
    if not hasattr(os, "SCHED_IDLE"):
        return "this system has no SCHED_IDLE"
    if quota := cpu_quota():
        return f"spinning would use up the CPU quota ({quota})"
    if len(cores) > MOST_SPINNERS:
        return f"{len(cores)} cores, and spinners are for at most {MOST_SPINNERS}"
    for core in cores:
        try:
            siblings = (CORES / f"cpu{core}" / "topology" / "thread_siblings_list").read_text().strip()
        except OSError:
            continue
        if siblings != str(core):
            return f"cores share hardware threads ({siblings})"
    return ""


def _spin(undo: contextlib.ExitStack, core: int) -> None:
    """Start one spinner, and wait until it spins. Raises `OSError`."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", str(SPINNER), str(os.getpid()), str(core)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )
    undo.callback(_end, child)
    if child.stdout is None or not select.select([child.stdout], [], [], AWAKE_WITHIN_S)[0]:
        raise OSError(f"it did not spin within {AWAKE_WITHIN_S:g} s")
    if child.stdout.readline() != b"awake\n":
        raise OSError("it ended at once")


def _end(child: subprocess.Popen[bytes]) -> None:
    child.kill()
    child.wait()
    if child.stdout is not None:
        child.stdout.close()
