"""READONLY: a hazard of connections that outlive their primary's office.

An operator promotes a replica by REPLICAOF, and nobody ends the clients' connections. redis-py's pooled ones go on
talking to the demoted node, which refuses every write with READONLY, for as long as it stays a replica, although
another node would take them. What was refused is certainly not applied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

POOLED = Scenario(
    name="readonly.pooled",
    kind="hazard",
    promise="Pooled connections get READONLY from a demoted primary for as long as they live.",
    topology=topologies.replicated(replicas=2),
    subject=subjects.pool(),
    workload=workloads.unique_writes(rate_hz=400, clients=8),
    faults=schedule.at(seconds=0.8).demotion("primary").lasting(seconds=4),
    seconds=6,
    checks=(
        checks.clients_stay_readonly(seconds=2),
        checks.refused_writes_are_refused(during="demotion", refusal="READONLY"),
    ),
)


def test_pooled_connections_stay_readonly(arbredis: Arbredis) -> None:
    arbredis.run(POOLED).assert_valid()
