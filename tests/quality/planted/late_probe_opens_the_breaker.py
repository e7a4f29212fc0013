"""A probe that fails when another has closed the breaker long ago opens it again.

Writes go to the primary and reads to a replica that is silent: of the probes of one spell, one succeeds at once and
another is still waiting.
"""

from __future__ import annotations

from planted.breaker import Breaker, Guarded
from planted.case import REPLICATED, WRITE_AND_READ, Planted, registers
from pytest_arbredis import schedule
from pytest_arbredis.checkers import api as checks


def of_four(clock):
    """A breaker that lets four probes in."""
    return Breaker(clock, failures=4, timeout_s=0.08, probes=4)


class HeedsLateProbes(Breaker):
    """What a probe says counts, whenever it says it."""

    def counts(self, ticket):
        if super().counts(ticket):
            return True
        heeds = ticket.probe and self.state == "closed"
        if heeds:
            self.touch()
        return heeds

    def late(self, ticket):
        return ticket.probe and self.state == "closed"


PLANTED = Planted(
    name="late_probe_opens_the_breaker",
    does="Opens a closed breaker for a probe that fails late.",
    buggy=lambda dialer, shared: Guarded(
        dialer, shared, lambda clock: HeedsLateProbes(clock, failures=4, timeout_s=0.08, probes=4), replica_reads=True
    ),
    correct=lambda dialer, shared: Guarded(dialer, shared, of_four, replica_reads=True),
    steps=WRITE_AND_READ,
    topology=REPLICATED,
    workload=registers(rate_hz=240, clients=12),
    faults=schedule.at(seconds=0.2).blackhole("replica").lasting(seconds=3.2),
    claim=checks.breaker_follows_its_automaton(timeout_s=0.08, probes=4, tolerance_ms=250),
    seconds=3.8,
    judged=("write",),
    timeout_s=0.1,
    only_by_a_fault=True,
)
