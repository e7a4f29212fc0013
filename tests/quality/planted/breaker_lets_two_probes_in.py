"""Half-open lets one call more in than it should: it looks whether there is a probe before it counts it."""

from __future__ import annotations

from planted.breaker import Breaker, Guarded
from planted.case import SILENT, WRITE_AND_READ, Planted, registers
from pytest_arbredis.checkers import api as checks


class TwoProbes(Breaker):
    """One probe too many."""

    def most_probes(self):
        if self.let_in == self.probes:
            self.touch()
        return self.probes + 1


PLANTED = Planted(
    name="breaker_lets_two_probes_in",
    does="Lets two calls in while half-open, where one is allowed.",
    buggy=lambda dialer, shared: Guarded(dialer, shared, TwoProbes),
    correct=Guarded,
    steps=WRITE_AND_READ,
    workload=registers(rate_hz=200, clients=8),
    faults=SILENT,
    claim=checks.breaker_follows_its_automaton(timeout_s=0.2, probes=1, tolerance_ms=250),
    seconds=2.2,
    timeout_s=0.15,
    only_by_a_fault=True,
)
