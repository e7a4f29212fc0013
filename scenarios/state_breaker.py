"""The circuit breaker of the state layer, in step with a real outage.

Five calls in a row without a reply open it; while it is open nothing is sent; after 0.4 s one call at a time finds out,
and the first that is served closes it. Whoever is told that it is open can rely on nothing having been sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.naive import connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.breaker.policy import BreakerPolicy

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

OPEN_S = 0.4

OUTAGE = Scenario(
    name="state_breaker.outage",
    promise="In an outage the breaker opens, nothing is sent while it is open, one probe at a time finds the end.",
    topology=topologies.single(),
    subject=subjects.state_layer(within_s=0.2, breaker=BreakerPolicy(failures=5, open_s=OPEN_S)),
    workload=workloads.unique_writes(rate_hz=400, clients=12, read_share=0.4),
    faults=schedule.at(seconds=0.9).blackhole("primary").lasting(seconds=1.6),
    seconds=4,
    judged=("write", "read"),
    profiles=("release",),
    checks=(
        checks.breaker_follows_its_automaton(timeout_s=OPEN_S, probes=1, tolerance_ms=250),
        checks.no_command_while_open(names=("SET", "GET")),
        checks.rejected_calls_were_not_sent(),
        checks.service_resumes(within_s=1.5, after="blackhole"),
    ),
)

NAIVE = hazard_of(
    OUTAGE,
    naive.Naive(timeout_s=0.2, failures=5, open_s=OPEN_S),
    promise="A breaker without a limit sends everybody who comes to a Redis that is just waking up.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call, with a circuit breaker",
        keys=(),
        event="Redis away",
        may_be={"refused": "while the breaker is open: nothing was sent"},
        proof=OUTAGE,
        naive=NAIVE.subject,
    ),
)


def test_the_breaker_follows_a_real_outage(arbredis: Arbredis) -> None:
    arbredis.run(OUTAGE).assert_valid()


def test_a_naive_breaker_stampedes(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()
