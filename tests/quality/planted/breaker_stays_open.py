"""Every call that is rejected begins the breaker's time-out anew: while calls come it never ends."""

from __future__ import annotations

from planted.breaker import Breaker, Guarded
from planted.case import SILENT, WRITE_AND_READ, Planted, registers
from pytest_arbredis.checkers import api as checks


class StaysOpen(Breaker):
    """Counts its time-out from the last rejection."""

    def rejected(self):
        self.opened_ns = self.clock.now_ns()
        self.touch()


PLANTED = Planted(
    name="breaker_stays_open",
    does="Counts the breaker's time-out from the last call that it rejected.",
    buggy=lambda dialer, shared: Guarded(dialer, shared, StaysOpen),
    correct=Guarded,
    steps=WRITE_AND_READ,
    workload=registers(rate_hz=200, clients=8),
    faults=SILENT,
    claim=checks.breaker_follows_its_automaton(timeout_s=0.2, probes=1, tolerance_ms=250),
    seconds=2.2,
    timeout_s=0.15,
    only_by_a_fault=True,
)
