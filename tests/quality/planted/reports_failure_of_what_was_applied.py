"""A write without a reply is reported as failed, though Redis may have applied it."""

from __future__ import annotations

from redis.exceptions import RedisError

from planted.case import REPLIES_LOST, WRITE_AND_READ, WRITES, Planted
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Takes every error of a write for a refusal."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared

    def answer(self, op):
        try:
            return super().answer(op)
        except RedisError as error:
            if op.name != "write":
                raise
            self._shared.touch()
            return Answer(outcome="fail", error=f"not written: {error}", node=self.tried[-1])


PLANTED = Planted(
    name="reports_failure_of_what_was_applied",
    does="Reports a write as failed when its reply is lost.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    workload=WRITES,
    faults=REPLIES_LOST,
    claim=checks.linearizable_register(),
    only_by_a_fault=True,
)
