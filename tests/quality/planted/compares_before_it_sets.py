"""A compare-and-set that reads, compares, and then sets: what others set in between is overwritten unseen."""

from __future__ import annotations

from planted.case import ANYTHING, Planted
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks
from pytest_arbredis.load.workloads import on_cas_registers
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS, compared


class Session(LineSession):
    """Not in one step, now and then, and it looks at two other things in between: right unless others are as quick."""

    def __init__(self, dialer, shared):
        super().__init__(dialer, {**OPERATIONS["cas-register"], "cas": self.cas})
        self._shared = shared

    def cas(self, _, op):
        old, new = op.input
        if self.ask("GET", op.key) != old:
            return compared(done=False)
        if not self._shared.strikes_now(every=10):
            return OPERATIONS["cas-register"]["cas"](self, op)
        for limit in ("least", "most"):
            self.ask("GET", f"{op.key}:{limit}")
        return compared(done=self.ask("SET", op.key, new) == "OK")


PLANTED = Planted(
    name="compares_before_it_sets",
    does="Compares a value and sets another in two steps, one time of ten.",
    buggy=Session,
    correct=lambda dialer, _: LineSession(dialer, OPERATIONS["cas-register"]),
    steps=(("write", "a", ANYTHING), ("cas", ["a", "b"], "OK"), ("read", None, "b")),
    workload=on_cas_registers(rate_hz=640, clients=12),
    faults=schedule.at(seconds=0.2).latency("primary", ms=8).lasting(seconds=4.1),
    claim=checks.linearizable_cas_register(),
    seconds=4.6,
    judged=("write", "read", "cas"),
    timeout_s=1.0,
)
