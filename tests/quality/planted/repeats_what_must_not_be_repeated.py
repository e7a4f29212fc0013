"""A command whose reply was lost is sent again, an increment too."""

from __future__ import annotations

from redis.exceptions import ConnectionError as LostError

from planted.case import REPLIES_LOST, Planted
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.workloads import increments
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Tries again, twice."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared

    def answer(self, op):
        for _ in range(2):
            try:
                return super().answer(op)
            except LostError:
                self._shared.touch()
        return super().answer(op)


PLANTED = Planted(
    name="repeats_what_must_not_be_repeated",
    does="Sends an increment again when its reply was lost.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=tuple(("increment", 1, value) for value in (1, 2, 3)),
    workload=increments(rate_hz=200, clients=4),
    faults=REPLIES_LOST,
    claim=checks.applied_at_most(1),
    judged=("increment",),
    only_by_a_fault=True,
)
