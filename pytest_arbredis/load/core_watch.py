"""A witness on every core while time is measured: when was the machine itself not there?

The waiting thread of the load (`stalls.py`) sees a stall only between operations. A witness of real-time priority on
each core (`core_witness.py`) sees those within operations and in the server, too, and no subject can make it see one:
ordinary work never delays it. It needs the right to real-time priority (root, or CAP_SYS_NICE) on Linux; where that is
not to be had nothing is watched, and the reason is told. It costs some 10 µs a millisecond of each core.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.load.core_witness import BOUND_NS
from pytest_arbredis.load.stalls import KIND, MOST
from pytest_arbredis.load.wakefulness import OFF, VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis._clock import Clock
    from pytest_arbredis.history.records import Json

WITNESS = Path(__file__).with_name("core_witness.py")
MOST_CORES = 16
WATCHING_WITHIN_S = 2.0


@dataclass(slots=True, kw_only=True)
class CoreWatch:
    """What the witnesses of the cores saw, complete once the watch is over; or why there was none."""

    cores: int = 0
    why_not: str = ""
    watched_ns: int = 0
    stalls: list[tuple[int, int]] = field(default_factory=list)
    """Begin and length in nanoseconds, of every core."""

    @property
    def noted(self) -> dict[str, Json]:
        """The data of its note in a history."""
        seen: list[Json] = [[*stall] for stall in sorted(self.stalls)[:MOST]]
        told: dict[str, Json] = {"kind": KIND, "bound_ms": BOUND_NS / NS_PER_MS, "waited_ns": self.watched_ns}
        return {**told, "stalls": seen, "cores": self.cores, "why_not": self.why_not}


@contextlib.contextmanager
def watched_cores(clock: Clock, *, wanted: bool = True) -> Iterator[CoreWatch]:
    """While entered, every core that we may use has a witness, if that is possible here; never raises for that.

    To be left by the thread that entered it: witnesses die with the thread that started them.
    """
    watch = CoreWatch(why_not=_impossible(wanted=wanted))
    witnesses: list[subprocess.Popen[bytes]] = []
    began_ns = clock.now_ns()
    try:
        if not watch.why_not:
            for core in sorted(os.sched_getaffinity(0)):
                witnesses.append(_witness(core))
                watch.cores += 1
    except OSError as error:
        watch.why_not = f"no witness of real-time priority: {error}"
    try:
        yield watch
    finally:
        for witness in witnesses:
            watch.stalls += _told_by(witness)
        if watch.why_not:
            watch.cores, watch.stalls = 0, []
        elif watch.cores:
            watch.watched_ns = clock.now_ns() - began_ns


def _impossible(*, wanted: bool) -> str:
    if not wanted or os.environ.get(VARIABLE, "").lower() in OFF:
        return "turned off"
    if sys.platform != "linux":
        return f"not possible on {sys.platform}"
    count = len(os.sched_getaffinity(0))
    return "" if count <= MOST_CORES else f"{count} cores, and witnesses are for at most {MOST_CORES}"


def _witness(core: int) -> subprocess.Popen[bytes]:
    """Start one, and wait until it watches. Raises `OSError`."""
    child = subprocess.Popen(
        [sys.executable, "-I", "-S", str(WITNESS), str(os.getpid()), str(core)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        bufsize=0,
        cwd="/",
        start_new_session=True,
    )
    if child.stdout is None or not select.select([child.stdout], [], [], WATCHING_WITHIN_S)[0]:
        _told_by(child)
        raise OSError(f"it did not watch within {WATCHING_WITHIN_S:g} s")
    if child.stdout.read(len("watching\n")) != b"watching\n":
        _told_by(child)
        raise OSError("that is not permitted here")
    return child


def _told_by(witness: subprocess.Popen[bytes]) -> list[tuple[int, int]]:
    """End it, and read what it saw; a torn last line is left out."""
    witness.kill()
    witness.wait()
    if witness.stdout is None:
        return []
    with witness.stdout:
        lines = witness.stdout.read().decode("ascii", "replace").splitlines(keepends=True)
    pairs = (line.split() for line in lines if line.endswith("\n"))
    return [(int(pair[0]), int(pair[1])) for pair in pairs if len(pair) == 2 and "".join(pair).isdigit()]
