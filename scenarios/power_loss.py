"""Power loss: what is left of acknowledged writes when the machine goes dark, by the way in which Redis persists them.

A crash leaves everything that Redis has written, because the kernel has it. A loss of power leaves what was synced:
with `appendfsync always` every acknowledged write; with `everysec` all but those of the last second (half a second more
is allowed here, for a busy machine); with `no` nothing that came since the kernel last wrote by itself; with snapshots
only what the last one had. A slow disk stretches the second: what came while a sync is under way is not in it. All of
it is seen through the state layer.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.promises import Claim
from pytest_arbredis.state.keyspace.patterns import ALL

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

EVERYSEC_MS = 1500
SNAPSHOT_MS = 3000
"""`save 1 1` takes a snapshot when the last is older than a second, in whole seconds: within two, and what it takes."""

EVERYSEC = Scenario(
    name="power_loss.everysec",
    promise="A loss of power with appendfsync everysec takes only writes of the last second.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "everysec"}, power=True),
    subject=subjects.state_layer(),
    workload=workloads.unique_writes(rate_hz=400, clients=4),
    faults=schedule.at(seconds=2.6).power_loss("primary").at(seconds=3).restart("crashed"),
    seconds=4,
    checks=(checks.loses_at_most(ms=EVERYSEC_MS),),
)

ALWAYS = replace(
    EVERYSEC,
    name="power_loss.always",
    promise="A loss of power with appendfsync always takes no acknowledged write.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}, power=True),
    checks=(checks.acknowledged_writes_survive(),),
)

SNAPSHOTS = replace(
    EVERYSEC,
    name="power_loss.snapshots",
    promise="A loss of power with snapshots (save 1 1) takes only writes since the last one, of 3 s at most.",
    topology=topologies.single(conf={"save": "1 1"}, power=True),
    faults=schedule.at(seconds=3.4).power_loss("primary").at(seconds=3.6).restart("crashed"),
    seconds=4.3,
    checks=(checks.loses_at_most(ms=SNAPSHOT_MS),),
)

NO_SYNC = replace(
    EVERYSEC,
    name="power_loss.no_sync",
    kind="hazard",
    promise="A loss of power with appendfsync no takes writes that were acknowledged long before.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "no"}, power=True),
    checks=(checks.loses_more_than(ms=EVERYSEC_MS, at_least=100),),
)

SLOW_DISK = replace(
    EVERYSEC,
    name="power_loss.slow_disk",
    kind="hazard",
    promise="On a disk that takes 2 s to sync, a loss of power with everysec takes more than the last second.",
    faults=(
        schedule.at(seconds=0.2)
        .slow_disk("primary", fsync_ms=2000)
        .lasting(seconds=3.5)
        .at(seconds=3.4)
        .power_loss("primary")
        .at(seconds=3.6)
        .restart("crashed")
    ),
    seconds=5,
    checks=(checks.loses_more_than(ms=EVERYSEC_MS),),
)

CRASH = replace(
    EVERYSEC,
    name="power_loss.crash_instead",
    promise="A crash with appendfsync no, of which a loss of power takes everything, takes no acknowledged write.",
    topology=NO_SYNC.topology,
    faults=schedule.at(seconds=2.6).crash("primary").at(seconds=3).restart("crashed"),
    checks=(checks.acknowledged_writes_survive(),),
    profiles=(),
)

CHANGE = "any change"
AWAY = "while Redis is away"

CLAIMS: tuple[Claim, ...] = (
    Claim(operation=CHANGE, keys=ALL, event="power loss, AOF always", may_be={"refused": AWAY}, proof=ALWAYS),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="power loss, AOF everysec",
        may_be={"lost": "of the last 1.5 s, where the disk keeps up", "refused": AWAY},
        proof=EVERYSEC,
    ),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="power loss, AOF everysec",
        may_be={"lost": "more than the last 1.5 s, where a sync takes 2 s", "refused": AWAY},
        proof=SLOW_DISK,
    ),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="power loss, no fsync",
        may_be={"lost": "what the kernel had not written by itself", "refused": AWAY},
        proof=NO_SYNC,
    ),
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="power loss, RDB",
        may_be={"lost": "what came since the last snapshot", "refused": AWAY},
        proof=SNAPSHOTS,
    ),
)


def test_everysec_loses_only_the_last_second(arbredis: Arbredis) -> None:
    arbredis.run(EVERYSEC).assert_valid()


def test_always_loses_nothing(arbredis: Arbredis) -> None:
    arbredis.run(ALWAYS).assert_valid()


def test_snapshots_lose_only_what_came_since_the_last(arbredis: Arbredis) -> None:
    arbredis.run(SNAPSHOTS).assert_valid()


def test_without_a_sync_old_writes_are_lost(arbredis: Arbredis) -> None:
    arbredis.run(NO_SYNC).assert_valid()


def test_a_slow_disk_stretches_the_second(arbredis: Arbredis) -> None:
    arbredis.run(SLOW_DISK).assert_valid()


def test_a_crash_loses_nothing_that_was_written(arbredis: Arbredis) -> None:
    arbredis.run(CRASH).assert_valid()
