"""Sentinel's majority: with it a failover happens, without it nobody takes over.

One of three Sentinels may be lost: a crash of the primary is still over, mostly within 2 s. But two that are left may
each vote for itself, and then wait twice the failover timeout, 6 s here, before they try again: so 10 s are promised.
With two lost the third sees the primary down and may do nothing about it: the service stays away until a Sentinel, or
the primary, is back. The client asks a dead Sentinel only once: redis-py's default, ten times, would hold up its
discovery for seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.promises import Claim

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

MINORITY_LOST = Scenario(
    name="sentinel_minority.lost",
    promise="With one of three Sentinels dead a crash of the primary is still over, within 10 s where votes are split.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(sentinel_retries=0),
    workload=workloads.unique_writes(rate_hz=200, clients=4),
    faults=(
        schedule.at(seconds=0.8).crash("minority").at(seconds=1.4).crash("primary").at(seconds=12).restart("crashed")
    ),
    seconds=13.2,
    checks=(
        checks.recovers_within(seconds=10, after="crash"),
        checks.losses_are_documented(),
        checks.replicas_converge(),
    ),
)

MINORITY_LEFT = Scenario(
    name="sentinel_minority.left",
    kind="hazard",
    promise="With two of three Sentinels dead nobody takes over from a crashed primary.",
    topology=MINORITY_LOST.topology,
    subject=subjects.sentinel(sentinel_retries=0),
    workload=workloads.unique_writes(rate_hz=200, clients=4),
    faults=(
        schedule.at(seconds=0.8).crash("majority").at(seconds=1.4).crash("primary").at(seconds=5).restart("crashed")
    ),
    seconds=6.5,
    checks=(checks.nobody_takes_over(seconds=3.5, after="crash"),),
)

ALONE = Scenario(
    name="sentinel_minority.alone",
    kind="hazard",
    promise="One Sentinel with quorum 2, as a design has it, never fails over from a crashed primary.",
    topology=topologies.sentinel(replicas=2, sentinels=1, conf={"appendonly": "yes"}, sentinel_conf={"quorum": "2"}),
    subject=subjects.sentinel(sentinel_retries=0),
    workload=workloads.unique_writes(rate_hz=200, clients=4),
    faults=schedule.at(seconds=0.6).crash("primary").at(seconds=4.2).restart("crashed"),
    seconds=5.7,
    profiles=("release",),
    checks=(checks.nobody_takes_over(seconds=3.5, after="crash"),),
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call, with two of three Sentinels",
        keys=(),
        event="failover, stock",
        may_be={"lost": "changes that no replica had", "refused": "for up to 10 s, where votes are split"},
        proof=MINORITY_LOST,
    ),
    Claim(
        operation="any call, with one of three Sentinels",
        keys=(),
        event="Redis away",
        may_be={"refused": "until the primary, or another Sentinel, is back"},
        proof=MINORITY_LEFT,
    ),
    Claim(
        operation="any call, with one Sentinel of quorum 2",
        keys=(),
        event="Redis away",
        may_be={"refused": "until the primary is back: nobody takes over"},
        proof=ALONE,
    ),
)


def test_one_sentinel_with_quorum_2_never_fails_over(arbredis: Arbredis) -> None:
    arbredis.run(ALONE).assert_valid()


def test_with_a_minority_of_sentinels_lost_a_crash_is_still_over(arbredis: Arbredis) -> None:
    arbredis.run(MINORITY_LOST).assert_valid()


def test_with_a_minority_of_sentinels_left_nobody_takes_over(arbredis: Arbredis) -> None:
    arbredis.run(MINORITY_LEFT).assert_valid()
