"""A lock meant for the bot's own state is held while Redis is asked: slow calls wait for one another."""

from __future__ import annotations

from collections import deque
from statistics import median

from planted.case import WRITE_AND_READ, Planted, registers
from pytest_arbredis import schedule
from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS

LATENCY_MS = 80
MOST_MS = 3 * LATENCY_MS
NOTICED_NS = 60 * NS_PER_MS
"""A call that waited for others so long is touched: without a fault one takes a millisecond, and 20 where the machine
stalls, which the mended code meets as well."""


class Session(LineSession):
    """One call at a time over all sessions, in the order in which they come."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared

    def answer(self, op):
        with self._shared.lock:
            line = self._shared.things.setdefault("line", deque())
            line.append(op.id)
        came_ns = self._shared.clock.now_ns()
        while line[0] != op.id:
            self._shared.clock.sleep(0.005)  # a manual clock passes only while everybody sleeps
        if self._shared.clock.now_ns() - came_ns >= NOTICED_NS:
            self._shared.touch()
        try:
            return super().answer(op)
        finally:
            line.popleft()


def calls_side_by_side(history):
    """Half of the calls sent while Redis is slow are answered within three times what one of them takes."""
    took_ms = [
        (op.completed_ns - op.invoked_ns) / NS_PER_MS
        for fault in history.faults
        for op in history.named("write", "read")
        if op.outcome == "ok" and op.completed_ns is not None and not op.is_final
        if fault.began_ns <= op.invoked_ns <= (fault.ended_ns or 0) - LATENCY_MS * NS_PER_MS
    ]
    if len(took_ms) < 10:
        return None
    half_ms = median(took_ms)
    if half_ms <= MOST_MS:
        return ""
    return f"half of {len(took_ms)} calls took more than {half_ms:.0f} ms, where one takes {LATENCY_MS} ms"


PLANTED = Planted(
    name="holds_a_lock_during_the_call",
    does="Holds a lock of its own while it waits for Redis.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    workload=registers(rate_hz=80, clients=8),
    faults=schedule.at(seconds=0.9).latency("primary", ms=LATENCY_MS).lasting(seconds=1.2),
    claim=checks.invariant("calls_do_not_wait_for_one_another", calls_side_by_side),
    seconds=2.8,
    timeout_s=1.0,
    only_by_a_fault=True,
)
