"""One write of a hundred is acknowledged and never sent: a queue between two threads that overflows, say."""

from __future__ import annotations

from planted.case import NOTHING, WRITE_AND_READ, WRITES, Planted
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Loses one write of a hundred."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared

    def answer(self, op):
        if op.name == "write" and self._shared.strikes_now(every=100):
            return Answer(output="OK")
        return super().answer(op)


PLANTED = Planted(
    name="loses_every_nth_write",
    does="Acknowledges one write of a hundred without sending it.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    workload=WRITES,
    faults=NOTHING,
    claim=checks.acknowledged_writes_survive(),
    seconds=1.2,
)
