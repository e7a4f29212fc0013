"""A value is taken off the queue before it is in safe hands: if the reply is lost, so is the value, silently."""

from __future__ import annotations

from redis.exceptions import ConnectionError as LostError

from planted.case import ANYTHING, REPLIES_LOST, Planted
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.objects import OnObjects
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Says that it took nothing when the reply to its LPOP is lost."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["queue"])
        self._shared = shared

    def answer(self, op):
        try:
            return super().answer(op)
        except LostError:
            if op.name != "dequeue":
                raise
            self._shared.touch()
            return Answer(outcome="fail", error="nothing was taken", node=self.tried[-1])


PLANTED = Planted(
    name="queue_drops_on_a_crash",
    does="Says that nothing was taken off the queue when the connection ends during the taking.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["queue"]),
    steps=(
        ("enqueue", "a", ANYTHING),
        ("enqueue", "b", ANYTHING),
        ("dequeue", None, "a"),
        ("dequeue", None, "b"),
        ("dequeue", None, None),
    ),
    workload=OnObjects(model="queue", rate_hz=240, clients=4, keys=1, change_share=0.65),
    faults=REPLIES_LOST,
    claim=checks.queue_is_fifo(),
    judged=("enqueue", "dequeue"),
    read_back=False,
    only_by_a_fault=True,
)
