"""Keeps one core awake until its owner has gone: a script of its own, which runs only where nobody else would.

Run as `python -I -S spinner.py OWNER_PID CORE`. It says `awake` once it spins on that core with the policy SCHED_IDLE,
under which every other thread takes the core from it at once. It ends with its owner: by PR_SET_PDEATHSIG, and when
its parent is another. Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
TURN = 200_000
"""Steps between two looks at the parent: some milliseconds."""


def main() -> None:
    """Spin on a core while the owner is our parent."""
    owner, core = int(sys.argv[1]), int(sys.argv[2])
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    os.write(1, b"awake\n")
    while os.getppid() == owner:
        for _ in range(TURN):
            pass


if __name__ == "__main__":
    main()
