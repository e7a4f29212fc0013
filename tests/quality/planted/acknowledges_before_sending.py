"""While Redis is away a write is acknowledged and put aside, to be sent later; only the last one ever is."""

from __future__ import annotations

from redis.exceptions import RedisError

from planted.case import AWAY, WRITE_AND_READ, WRITES, Planted
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS, write


class Session(LineSession):
    """Puts aside what it cannot send."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared
        self._aside = None

    def answer(self, op):
        try:
            if self._aside is not None:
                write(self, self._aside)
                self._aside = None
            return super().answer(op)
        except RedisError:
            if op.name != "write":
                raise
            self.hang_up()
            self._shared.touch()
            self._aside = op
            return Answer(output="OK", node=self.tried[-1])


PLANTED = Planted(
    name="acknowledges_before_sending",
    does="Acknowledges a write that it could not send, and keeps only the last one for later.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    workload=WRITES,
    faults=AWAY,
    claim=checks.acknowledged_writes_survive(),
    only_by_a_fault=True,
)
