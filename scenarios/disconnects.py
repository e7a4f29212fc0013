"""Disconnects: the primary is well, but its connections are slow, refused or reset for a second.

Each fault is too short, or too mild, for Sentinel to call the primary down, and long enough for clients to feel it:
nothing acknowledged is lost, a client reads what it wrote, and service is back within a second of the cure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

DISCONNECTS = Scenario(
    name="disconnects.primary",
    promise="Latency, resets and refused connections lose no acknowledged write; service is back 1 s after each.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=8, read_share=0.3),
    faults=(
        schedule.at(seconds=0.7)
        .latency("primary", ms=50, jitter_ms=20)
        .lasting(seconds=0.7)
        .at(seconds=2.3)
        .reset("primary")
        .lasting(seconds=0.3)
        .at(seconds=3.7)
        .down("primary")
        .lasting(seconds=0.3)
    ),
    seconds=5.2,
    checks=(
        checks.acknowledged_writes_survive(),
        checks.read_your_writes(),
        checks.service_resumes(within_s=1, after="latency"),
        checks.service_resumes(within_s=1, after="reset"),
        checks.service_resumes(within_s=1, after="down"),
        checks.replicas_converge(),
    ),
)


def test_disconnects_lose_nothing_and_are_over_soon(arbredis: Arbredis) -> None:
    arbredis.run(DISCONNECTS).assert_valid()
