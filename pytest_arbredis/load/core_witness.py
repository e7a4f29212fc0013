"""Notes when one core was not run: a script of its own, of real-time priority, which nobody ordinary can delay.

Run as `python -I -S core_witness.py OWNER_PID CORE`. It says `watching`, and then, for every turn of a millisecond that
came late, a line `BEGIN_NS LENGTH_NS` of CLOCK_MONOTONIC. With SCHED_FIFO it is run before every ordinary process of
its core, the subject's and the servers' too: what delays it is the machine (a hypervisor that took the core away, say),
never an operation that takes long. The idea is that of jHiccup (Gil Tene): an observer beside the work that does
nothing but notice when it was not run. It ends with its owner: by PR_SET_PDEATHSIG, and when its parent is another.
Standard library only.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1
TURN_S = 0.001
BOUND_NS = 250_000
"""A turn that comes less late is no stall: timers are 50 to 150 µs late on any machine."""


def main() -> None:
    """Watch a core while the owner is our parent."""
    owner, core = int(sys.argv[1]), int(sys.argv[2])
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {core})
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.write(1, b"watching\n")
    clock, pause, turn_ns = time.monotonic_ns, time.sleep, int(TURN_S * 1e9)
    since = clock()
    while os.getppid() == owner:
        pause(TURN_S)
        now = clock()
        if now - since - turn_ns > BOUND_NS:
            os.write(1, b"%d %d\n" % (since + turn_ns, now - since - turn_ns))
        since = clock()


if __name__ == "__main__":
    main()
