"""Failover: what a caller may rely on when the primary dies, and comes back.

With redis-py's Sentinel client and Redis as it is installed, service is back within 3 s of the crash, and every
acknowledged write that is lost is lost for the documented reason: it was never replicated. The Sentinels go about it
as they should: their events come in order, no epoch has two leaders, the replica is chosen by the rule. Writes that
every replica confirmed (WAIT 2) survive the promotion; while a replica is away nothing can be confirmed, so confirmed
service is back within 3 s of the restart. A primary that is replaced while it lives hangs up on all of its clients, so
that none of them goes on with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

CRASH = Scenario(
    name="failover.crash",
    promise="A crash of the primary is over within 3 s, and loses only writes that were never replicated.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=8),
    faults=schedule.at(seconds=0.6).crash("primary").at(seconds=3.2).restart("crashed"),
    seconds=4.2,
    checks=(
        checks.recovers_within(seconds=3, after="crash"),
        checks.losses_are_documented(),
        checks.sentinel_events_in_order(),
        checks.replica_is_chosen_by_priority(),
        checks.failover_timeline(),
        checks.replicas_converge(),
    ),
)

CONFIRMED = Scenario(
    name="failover.confirmed",
    promise="Writes that all replicas confirmed (WAIT 2) survive a crash of the primary.",
    topology=CRASH.topology,
    subject=subjects.sentinel(wait_replicas=2, wait_ms=40),
    # While a replica is away every write waits 40 ms in vain: 16 clients still make 400 a second.
    workload=workloads.unique_writes(rate_hz=220, clients=16),
    faults=schedule.at(seconds=0.6).crash("primary").at(seconds=2.8).restart("crashed"),
    seconds=5.6,
    checks=(
        checks.confirmed_writes_survive(),
        checks.recovers_within(seconds=3, after="crash", counting="applied"),
        checks.recovers_within(seconds=3, after="restart", counting="confirmed"),
        checks.replicas_converge(),
    ),
)

PLANNED = Scenario(
    name="failover.planned",
    promise="A primary replaced while it lives disconnects every client, and loses only unreplicated writes.",
    topology=CRASH.topology,
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=8),
    faults=schedule.at(seconds=0.6).failover("primary"),
    seconds=4.6,
    checks=(
        checks.clients_are_disconnected(),
        checks.losses_are_documented(),
        checks.replicas_converge(),
    ),
    profiles=("release",),
)


def test_a_crash_of_the_primary_is_over_within_3_seconds(arbredis: Arbredis) -> None:
    arbredis.run(CRASH).assert_valid()


def test_confirmed_writes_survive_a_failover(arbredis: Arbredis) -> None:
    arbredis.run(CONFIRMED).assert_valid()


def test_a_planned_failover_disconnects_every_client(arbredis: Arbredis) -> None:
    arbredis.run(PLANNED).assert_valid()
