"""Lost writes: a hazard of asynchronous replication, forced twice and shown every time.

Redis acknowledges a write before a replica has it. If the primary dies with its replication stalled, or freezes and
wakes when another has been promoted, what it acknowledged meanwhile is gone from the service. It still lies in the
append-only file of the failed node, and that is where these drills show it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

STALLED = Scenario(
    name="lost_writes.stalled_replication",
    kind="hazard",
    promise="Writes acknowledged while replication was stalled are lost when the primary crashes.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=4),
    faults=(
        schedule.at(seconds=0.4)
        .replication_cut("replicas")
        .lasting(seconds=2.8)
        .at(seconds=0.8)
        .crash("primary")
        .at(seconds=3.4)
        .restart("crashed")
    ),
    seconds=4.8,
    exposed_by={"replication_cut": "any"},
    checks=(checks.writes_are_lost(at_least=10),),
)

ZOMBIE = Scenario(
    name="lost_writes.zombie",
    kind="hazard",
    promise="Writes that a frozen primary acknowledges when it wakes, after another was promoted, are lost.",
    topology=STALLED.topology,
    subject=subjects.sentinel(socket_timeout_s=10),
    workload=workloads.unique_writes(rate_hz=400, clients=4),
    faults=schedule.at(seconds=0.6).pause("primary").lasting(seconds=2.4),
    seconds=4,
    checks=(checks.writes_are_lost(at_least=1),),
)


def test_acknowledged_writes_are_lost_when_replication_was_stalled_before_a_crash(arbredis: Arbredis) -> None:
    arbredis.run(STALLED).assert_valid()


def test_acknowledged_writes_of_a_zombie_are_lost(arbredis: Arbredis) -> None:
    arbredis.run(ZOMBIE).assert_valid()
