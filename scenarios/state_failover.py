"""Failover through the state layer: back within 3 s of a crash, losing only what was never replicated.

What every replica confirmed (WAIT 2, on the connection of the write) survives. Without that, acknowledged writes are
lost for the documented reason only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.naive import connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.connections.settings import HARDENINGS

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis
    from pytest_arbredis.subjects.state.register import StateLayer


def _confirming(without: frozenset[str] = frozenset()) -> StateLayer:
    return subjects.state_layer(within_s=0.5, wait_replicas=2, wait_ms=40, _without=without)


CRASH = Scenario(
    name="state_failover.crash",
    promise="A crash of the primary is over within 3 s, and loses only writes that were never replicated.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.state_layer(within_s=0.5),
    workload=workloads.unique_writes(rate_hz=400, clients=8),
    faults=schedule.at(seconds=0.9).crash("primary").at(seconds=4.2).restart("crashed"),
    seconds=5.1,
    profiles=("release",),
    checks=(
        checks.recovers_within(seconds=3, after="crash"),
        checks.losses_are_documented(),
        checks.replicas_converge(),
    ),
)

CONFIRMED = Scenario(
    name="state_failover.confirmed",
    promise="Writes that both replicas confirmed (WAIT 2) survive a crash of a primary that they lag behind.",
    topology=CRASH.topology,
    subject=_confirming(),
    workload=workloads.unique_writes(rate_hz=220, clients=16),
    faults=(
        schedule.at(seconds=0.8)
        .replication_cut("replicas")
        .lasting(seconds=2.4)
        .at(seconds=1.2)
        .crash("primary")
        .at(seconds=3.4)
        .restart("crashed")
    ),
    seconds=6.2,
    profiles=("release",),
    checks=(
        checks.confirmed_writes_survive(),
        checks.recovers_within(seconds=3, after="crash", counting="applied"),
        checks.recovers_within(seconds=2.5, after="restart", counting="confirmed", share=0.9),
        checks.replicas_converge(),
    ),
)

NAIVE = hazard_of(
    CRASH,
    naive.plain(timeout_s=0.5),
    promise="A client of one address (REDIS_HOST) does not find the new primary.",
)

TRUSTING = hazard_of(
    CONFIRMED,
    naive.Trusting(replicas=2, timeout_s=0.5),
    promise="Without WAIT a primary acknowledges what no replica has, and a failover takes it.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call",
        keys=(),
        event="failover, stock",
        may_be={"lost": "changes that no replica had", "refused": "for up to 3 s"},
        proof=CRASH,
        naive=naive.plain(timeout_s=0.5),
        hardened=lambda without: subjects.state_layer(within_s=0.5, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"primary-again"}),
    ),
    Claim(
        operation="a change that waits for all replicas",
        keys=(),
        event="failover, WAIT by all",
        may_be={"refused": "for up to 3 s; unconfirmed while a replica is away, and up to 2.5 s after"},
        proof=CONFIRMED,
        naive=naive.Trusting(replicas=2, timeout_s=0.5),
        hardened=_confirming,
        hardenings=(HARDENINGS | {"wait"}) - {"fresh-connections"},
        unjudged={"fresh-connections": "chance decides whether somebody reads another's late reply"},
        rests_on=frozenset({"wait", "primary-again"}),
    ),
)


def test_a_crash_of_the_primary_is_over_within_3_seconds(arbredis: Arbredis) -> None:
    arbredis.run(CRASH).assert_valid()


def test_confirmed_writes_survive_a_failover(arbredis: Arbredis) -> None:
    arbredis.run(CONFIRMED).assert_valid()


def test_a_client_of_one_address_does_not_recover(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()


def test_without_wait_acknowledged_writes_are_lost(arbredis: Arbredis) -> None:
    arbredis.run(TRUSTING).assert_valid()
