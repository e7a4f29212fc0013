"""One read of fifty goes to a replica, which is as good as the primary until its link is down."""

from __future__ import annotations

from planted.case import REPLICATED, WRITE_AND_READ, Planted, registers
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Reads from a replica now and then."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared
        self._replica = None

    def answer(self, op):
        if op.name != "read" or not self._shared.strikes_now(every=50):
            return super().answer(op)
        self._replica = self._replica or self.dialer.replica()
        self.connect(self._replica)
        return Answer(output=self.ask_on(self._replica, "GET", op.key), node=self._replica.node)

    def close(self):
        super().close()
        if self._replica is not None:
            self._replica.close()


PLANTED = Planted(
    name="stale_read_from_a_replica",
    does="Sends one read of fifty to a replica.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    topology=REPLICATED,
    workload=registers(rate_hz=320),
    faults=schedule.at(seconds=0.3).replication_cut("replicas").lasting(seconds=1.3),
    claim=checks.bounded_staleness(max_ms=100),
    seconds=2,
    judged=("write", "read"),
)
