"""Positions: no update is lost, and none is half there, whoever else writes and whatever happens to Redis.

Eight clients add fills to the same positions by reading, changing and saving them, 20 ms away. With AOF always every
acknowledged fill is there after a crash, one that all replicas confirmed after a failover, and with a full server a
refused one is refused: all four keys of a position say the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.scenarios.naive import trading as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import DCA_COUNT, ENTRY_PRICE, POSITION, POSITION_STATE
from pytest_arbredis.state.trading.position import HARDENINGS
from pytest_arbredis.subjects.state.positions import positions

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

CRASH = Scenario(
    name="state_positions.crash",
    promise="Over a crash with AOF always no acknowledged change of a position is lost, and none is half there.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=positions(),
    workload=workloads.on_objects("set", rate_hz=240, clients=8, keys=4),
    faults=(
        schedule.at(seconds=0.4)
        .latency("primary", ms=20)
        .lasting(seconds=0.6)
        .at(seconds=1.4)
        .crash("primary")
        .at(seconds=1.8)
        .restart("crashed")
    ),
    seconds=3.4,
    judged=("add", "read"),
    checks=(checks.set_keeps_what_was_added(),),
    read_back=False,
    profiles=("release",),
)

LOST = hazard_of(
    CRASH,
    naive.positions(),
    promise="Read, change, save in four keys: of two writers one is lost, and readers see halves of a change.",
)

FULL = replace(
    CRASH,
    name="state_positions.out_of_memory",
    promise="At maxmemory a change of a position is refused as a whole.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    faults=schedule.at(seconds=0.6).out_of_memory("primary").lasting(seconds=1.2),
    seconds=4,
    checks=(checks.set_keeps_what_was_added(),),
)

FAILOVER = replace(
    CRASH,
    name="state_positions.failover",
    promise="Changes that both replicas confirmed survive a crash of a primary that they lag behind; none is halved.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=positions(wait_replicas=2),
    faults=(
        schedule.at(seconds=0.6)
        .replication_cut("replicas")
        .lasting(seconds=2.1)
        .at(seconds=0.9)
        .crash("primary")
        .at(seconds=2.9)
        .restart("crashed")
    ),
    seconds=4.6,
    checks=(checks.set_keeps_what_was_added(wanted=2),),
)

CHANGE = "a change of a position"
KEYS = (POSITION, DCA_COUNT, ENTRY_PRICE, POSITION_STATE)

HALVES = hazard_of(
    FULL,
    naive.positions(),
    promise="At maxmemory four commands may be refused one by one: a change is half there.",
)

UNCONFIRMED = hazard_of(
    FAILOVER,
    naive.positions(trusting=2),
    promise="Nobody asked the replicas: what they lagged behind is gone with the primary, though it said OK.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation=CHANGE,
        keys=KEYS,
        event="crash, AOF always",
        may_be={"refused": "while Redis is away"},
        proof=CRASH,
        naive=naive.positions(),
        hardened=lambda without: positions(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"one-transaction", "version"}),
    ),
    Claim(
        operation=CHANGE,
        keys=KEYS,
        event="OOM",
        may_be={"refused": "while memory is full"},
        proof=FULL,
        naive=naive.positions(),
        hardened=lambda without: positions(_without=without),
        hardenings=HARDENINGS - {"version"},
        rests_on=frozenset({"one-transaction"}),
        unjudged={"version": "chance decides whether two writers meet here; they do in state_positions.crash"},
    ),
    Claim(
        operation=CHANGE,
        keys=KEYS,
        event="failover, WAIT by all",
        may_be={"refused": "until a replica is promoted; unconfirmed while one is away: then it may be lost"},
        proof=FAILOVER,
        naive=UNCONFIRMED.subject,
        hardened=lambda without: positions(wait_replicas=2, _without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    ),
)


def test_no_change_of_a_position_is_lost_or_half_there(arbredis: Arbredis) -> None:
    arbredis.run(CRASH).assert_valid()


def test_four_keys_without_a_version_lose_changes(arbredis: Arbredis) -> None:
    arbredis.run(LOST).assert_valid()


def test_a_full_server_refuses_a_change_as_a_whole(arbredis: Arbredis) -> None:
    arbredis.run(FULL).assert_valid()


def test_confirmed_changes_survive_a_failover(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_naive_changes_are_halved_at_maxmemory(arbredis: Arbredis) -> None:
    arbredis.run(HALVES).assert_valid()


def test_changes_that_nobody_confirmed_are_lost(arbredis: Arbredis) -> None:
    arbredis.run(UNCONFIRMED).assert_valid()
