"""WAIT is sent on another connection than the write, and confirms what that one saw last: not this write.

Redis looks at the offset behind the last command of the connection that waits. Until a replica falls behind, that is
as good.
"""

from __future__ import annotations

from planted.case import REPLICATED, WRITE_AND_READ, Planted
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.load.workloads import unique_writes
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS

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
        try:
            confirmed = int(str(self.confirmed()))
        except BaseException:
            self.hang_up()
            raise
        return Answer(output=said.output, node=said.node, confirmed=confirmed, wanted=1)

    def confirmed(self):
        return self.ask("WAIT", "1", "100")


class Session(Waiting):
    """Asks once more, on a line that was there before, if nobody has confirmed."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, shared)
        self._shared, self._other = shared, None

    def line(self):
        if self._other is None:
            self._other = self.dialer.primary()
            self.connect(self._other)
        return super().line()

    def confirmed(self):
        said = super().confirmed()
        if int(str(said)):
            return said
        self._shared.touch()
        return self.ask_on(self._other, "WAIT", "1", "100")

    def hang_up(self):
        super().hang_up()
        other, self._other = self._other, None
        if other is not None:
            other.close()


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
    does="Sends WAIT once more if nobody has confirmed, on another connection than the write.",
    buggy=Session,
    correct=Waiting,
    steps=WRITE_AND_READ,
    topology=REPLICATED,
    workload=unique_writes(rate_hz=16, clients=16),  # each client writes once a second, the first time while frozen
    faults=schedule.at(seconds=1.1).pause("replicas").lasting(seconds=1.1),
    claim=checks.invariant("nothing_is_confirmed_by_frozen_replicas", not_confirmed_by_the_frozen),
    seconds=3.1,
    only_by_a_fault=True,
)
