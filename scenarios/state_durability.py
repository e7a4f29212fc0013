"""What a change through the state layer survives, of any key: crashes, failover, full memory, and Redis away.

With AOF always a crash takes nothing that was acknowledged. With everysec Redis writes before it answers, so that the
kernel has it, but not while a sync of a second ago is still under way: then it puts writing off, for up to 2 s. So a
crash takes nothing, or what came while a sync was late, of the last 2.1 s. With snapshots it takes what came since the
last one, of 3 s at most (`save 1 1`); without persistence everything. A primary that has lost its
replicas and wants one (`min-replicas-to-write 1`) refuses within 300 ms, so a failover takes only what it acknowledged
in these. A full server refuses a change as a whole. Losses of power are in `power_loss`, eviction is in `eviction`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.promises import Claim
from pytest_arbredis.state.keyspace.patterns import ALL

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

POSTPONED_MS = 2100
"""Redis puts writing off for up to 2 s if the last sync is still under way, and looks again every 100 ms (hz 10)."""

SNAPSHOT_MS = 3000
"""`save 1 1` takes a snapshot when the last is older than a second, in whole seconds: within two, and what it takes."""

AWAY = Scenario(
    name="state_durability.away",
    promise="Where Redis is away for a while, and crashes with AOF always, no acknowledged change is lost.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=subjects.state_layer(),
    workload=workloads.unique_writes(rate_hz=300, clients=4, read_share=0.3),
    faults=(
        schedule.at(seconds=0.6)
        .down("primary")
        .lasting(seconds=0.4)
        .at(seconds=1.6)
        .crash("primary")
        .at(seconds=1.9)
        .restart("crashed")
    ),
    seconds=3.4,
    checks=(
        checks.acknowledged_writes_survive(),
        checks.linearizable_register(),
        checks.service_resumes(within_s=0.5, after="down"),
        checks.recovers_within(seconds=1, after="restart"),
    ),
    profiles=("release",),
)

EVERYSEC = replace(
    AWAY,
    name="state_durability.crash_everysec",
    promise="A crash with appendfsync everysec takes only changes of the last 2.1 s, and those where a sync was late.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "everysec"}),
    faults=schedule.at(seconds=2.6).crash("primary").at(seconds=2.8).restart("crashed"),
    checks=(checks.loses_at_most(ms=POSTPONED_MS, after="crash"),),
)

SNAPSHOTS = replace(
    AWAY,
    name="state_durability.crash_rdb",
    promise="A crash with snapshots (save 1 1) takes only changes since the last one, of 3 s at most.",
    topology=topologies.single(conf={"save": "1 1"}),
    faults=schedule.at(seconds=3.4).crash("primary").at(seconds=3.6).restart("crashed"),
    seconds=4.2,
    checks=(checks.loses_at_most(ms=SNAPSHOT_MS, after="crash"),),
)

UNSAVED = replace(
    AWAY,
    name="state_durability.crash_unsaved",
    kind="hazard",
    promise="Without persistence a crash takes everything, however long ago it was acknowledged.",
    topology=topologies.single(),
    faults=schedule.at(seconds=1).crash("primary").at(seconds=1.2).restart("crashed"),
    seconds=2,
    checks=(checks.loses_more_than(ms=500, after="crash", at_least=50),),
)

MIN_REPLICAS = replace(
    AWAY,
    name="state_durability.min_replicas",
    promise="With min-replicas-to-write 1 a failover takes only what the primary took 300 ms into its isolation.",
    topology=topologies.sentinel(
        replicas=2,
        sentinels=3,
        conf={"appendonly": "yes", "min-replicas-to-write": "1", "min-replicas-max-lag": "1"},
    ),
    faults=(
        schedule.at(seconds=0.6)
        .replication_cut("replicas")
        .lasting(seconds=2.6)
        .at(seconds=1.5)
        .crash("primary")
        .at(seconds=3.4)
        .restart("crashed")
    ),
    seconds=4.4,
    exposed_by={"replication_cut": "after"},
    checks=(
        checks.refuses_within(ms=300, during="replication_cut", refusal="NOREPLICAS"),
        checks.refused_writes_are_refused(during="replication_cut", refusal="NOREPLICAS"),
        checks.losses_are_documented(),
    ),
)

FULL = replace(
    AWAY,
    name="state_durability.out_of_memory",
    promise="At maxmemory a change is refused as a whole, nothing is lost, and changes go on when there is memory.",
    faults=schedule.at(seconds=0.6).out_of_memory("primary").lasting(seconds=1),
    seconds=3,
    checks=(
        checks.refused_writes_are_refused(),
        checks.acknowledged_writes_survive(),
        checks.linearizable_register(),
        checks.service_resumes(within_s=1, after="out_of_memory"),
    ),
)

CHANGE = "any change"

CLAIMS: tuple[Claim, ...] = (
    Claim(operation=CHANGE, keys=ALL, event="Redis away", may_be={"refused": "while Redis is away"}, proof=AWAY),
    Claim(operation=CHANGE, keys=ALL, event="crash, AOF always", may_be={"refused": "while Redis is away"}, proof=AWAY),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="crash, AOF everysec",
        may_be={"lost": "of the last 2.1 s, where a sync was late", "refused": "while Redis is away"},
        proof=EVERYSEC,
    ),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="crash, RDB",
        may_be={
            "lost": "what came since the last snapshot, of 3 s at most (`save 1 1`)",
            "refused": "while Redis is away",
        },
        proof=SNAPSHOTS,
    ),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="crash, no persistence",
        may_be={"lost": "everything", "refused": "while Redis is away"},
        proof=UNSAVED,
    ),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="failover, min-replicas",
        may_be={
            "lost": "what was acknowledged in the first 300 ms without replicas",
            "refused": "without replicas, and until one is promoted and has one",
        },
        proof=MIN_REPLICAS,
    ),
    Claim(operation=CHANGE, keys=ALL, event="OOM", may_be={"refused": "while memory is full"}, proof=FULL),
)


def test_nothing_acknowledged_is_lost_where_redis_is_away_or_crashes(arbredis: Arbredis) -> None:
    arbredis.run(AWAY).assert_valid()


def test_a_crash_with_everysec_takes_only_the_last_changes(arbredis: Arbredis) -> None:
    arbredis.run(EVERYSEC).assert_valid()


def test_a_crash_takes_what_came_since_the_last_snapshot(arbredis: Arbredis) -> None:
    arbredis.run(SNAPSHOTS).assert_valid()


def test_a_crash_without_persistence_takes_everything(arbredis: Arbredis) -> None:
    arbredis.run(UNSAVED).assert_valid()


def test_a_primary_that_wants_a_replica_refuses_without_one(arbredis: Arbredis) -> None:
    arbredis.run(MIN_REPLICAS).assert_valid()


def test_a_full_server_refuses_a_change_as_a_whole(arbredis: Arbredis) -> None:
    arbredis.run(FULL).assert_valid()
