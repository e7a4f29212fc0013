"""The Sentinels are asked for the primary once: after a failover every write goes to a replica, which refuses it."""

from __future__ import annotations

from planted.case import SENTINEL, WRITE_AND_READ, WRITES, Planted
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


class Session(LineSession):
    """Dials the first primary again, whenever it dials."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, OPERATIONS["register"])
        self._shared = shared
        self._primary = None

    def line(self):
        if self._line is None and self._primary is not None:
            self._line = self.dialer.to(self._primary)
            self._shared.touch()
        line = super().line()
        self._primary = line.node
        return line


PLANTED = Planted(
    name="asks_sentinels_once",
    does="Asks the Sentinels for the primary once, and dials that node ever after.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["register"]),
    steps=WRITE_AND_READ,
    topology=SENTINEL,
    workload=WRITES,
    faults=schedule.at(seconds=0.4).failover("primary"),
    claim=checks.unavailable_at_most(longest_ms=1000, names=("write",)),
    seconds=4.0,
    only_by_a_fault=True,
)
