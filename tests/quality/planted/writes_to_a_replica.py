"""One write of a hundred is also made on the replica, by a cache that marks it: nobody replicates that back."""

from __future__ import annotations

from planted.case import REPLICATED, WRITE_AND_READ, WRITES, Planted
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Marks a value on the replica now and then."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared

    def answer(self, op):
        said = super().answer(op)
        if op.name == "write" and self._shared.strikes_now(every=100):
            replica = self.dialer.replica()
            try:
                self.connect(replica)
                self.ask_on(replica, "SET", f"{op.key}:cached", op.input)
            finally:
                replica.close()
        return said


PLANTED = Planted(
    name="writes_to_a_replica",
    does="Writes to a replica, one time of a hundred, beside the primary.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    topology=REPLICATED,
    workload=WRITES,
    faults=schedule.at(seconds=0.3).latency("replica", ms=5).lasting(seconds=0.5),
    claim=checks.replicas_converge(),
    seconds=1.2,
)
