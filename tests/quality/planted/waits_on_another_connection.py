"""WAIT is sent on another connection than the write: that one wrote nothing, so every connected replica confirms it."""

from __future__ import annotations

from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.load.workloads import unique_writes
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.objects import OPERATIONS

from planted.case import REPLICATED, WRITE_AND_READ, Planted


WAKING_NS = 200_000_000
"""A replica wakes before it is on record that it did; so long before that no write is judged."""


class Waiting(LineSession):
    """Every write is followed by WAIT for one replica, on the line of the write."""

    def __init__(self, dialer, _):
        super().__init__(dialer, OPERATIONS["register"])

    def answer(self, op):
        said = super().answer(op)
        if op.name != "write":
            return said
        confirmed = int(str(self.confirmed()))
        return Answer(output=said.output, node=said.node, confirmed=confirmed, wanted=1)

    def confirmed(self):
        return self.ask("WAIT", "1", "100")


class Session(Waiting):
    """A line of its own for WAIT."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, shared)
        self._other = None

    def confirmed(self):
        self._other = self._other or self.dialer.primary()
        self.connect(self._other)
        return self.ask_on(self._other, "WAIT", "1", "100")

    def close(self):
        super().close()
        if self._other is not None:
            self._other.close()


def not_confirmed_by_the_frozen(history):
    """No write is confirmed that was sent and answered while every replica was frozen."""
    during = [
        op
        for fault in history.faults
        for op in history.named("write")
        if fault.evidence is not None and op.confirmed is not None and op.completed_ns is not None
        if fault.evidence.at_ns <= op.invoked_ns and op.completed_ns <= (fault.ended_ns or 0) - WAKING_NS
    ]
    wrong = [op.id for op in during if op.confirmed]
    if wrong:
        return f"{len(wrong)} of {len(during)} writes were confirmed by replicas that were frozen: {wrong[:5]}"
    return "" if during else None


PLANTED = Planted(
    name="waits_on_another_connection",
    does="Sends WAIT on another connection than the write that it is to confirm.",
    buggy=Session,
    correct=Waiting,
    steps=WRITE_AND_READ,
    topology=REPLICATED,
    workload=unique_writes(rate_hz=160, clients=4),
    faults=schedule.at(seconds=0.4).pause("replicas").lasting(seconds=0.9),
    claim=checks.invariant("nothing_is_confirmed_by_frozen_replicas", not_confirmed_by_the_frozen),
    seconds=1.8,
)
