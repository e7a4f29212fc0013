"""One addition of a hundred reads the counter and writes the sum: what others add in between is gone."""

from __future__ import annotations

from planted.case import Planted
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.objects import OnObjects
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """GET and SET in place of INCRBY, now and then."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["counter"])
        self._shared = shared

    def answer(self, op):
        if op.name != "add" or not self._shared.strikes_now(every=80):
            return super().answer(op)
        total = int(str(self.ask("GET", op.key) or 0)) + op.input
        self.ask("SET", op.key, str(total))
        return Answer(output=total, node=self.tried[-1])


PLANTED = Planted(
    name="loses_an_update",
    does="Reads and writes a counter, one time of eighty, in place of adding to it.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["counter"]),
    steps=tuple(step for value in (1, 2, 3) for step in (("add", 1, value), ("read", None, value))),
    workload=OnObjects(model="counter", rate_hz=320, clients=8, keys=1, change_share=0.8),
    faults=schedule.at(seconds=0.3).latency("primary", ms=10).lasting(seconds=1.1),
    claim=checks.counter_within_bounds(),
    seconds=1.7,
    judged=("add", "read"),
    read_back=False,
    timeout_s=1.0,
)
