"""Slow network: the link to the primary is narrow, cut into crumbs, or holds everything back for a moment.

Nothing acknowledged is lost, a client reads what it wrote, and service is back within a second of the cure. What was
sent while the link held everything back is applied when it lets go, later than its sender may still believe.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

SLOW = Scenario(
    name="slow_network.primary",
    promise="A narrow, crumbling or stalling link loses no acknowledged write; service is back 1 s after each.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=8, read_share=0.3),
    faults=(
        schedule.at(seconds=0.7)
        .bandwidth("primary", kb_per_s=80)
        .lasting(seconds=0.6)
        .at(seconds=2.3)
        .slice("primary", bytes=2, delay_us=500)
        .lasting(seconds=0.6)
        .at(seconds=3.9)
        .stall("primary")
        .lasting(seconds=0.35)
    ),
    seconds=5.6,
    checks=(
        checks.acknowledged_writes_survive(),
        checks.read_your_writes(),
        checks.service_resumes(within_s=1, after="bandwidth"),
        checks.service_resumes(within_s=1, after="slice"),
        checks.service_resumes(within_s=1, after="stall"),
        checks.replicas_converge(),
    ),
)


def test_a_slow_network_loses_nothing_and_is_over_soon(arbredis: Arbredis) -> None:
    arbredis.run(SLOW).assert_valid()
