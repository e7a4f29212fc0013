"""State manager: what is written while Redis is away is kept, brought back, and counted once.

Statistics, metrics and positions are served from memory while Redis cannot be reached, loses its replies, or has no
memory left. Once it is back and every manager has reconciled, each addition that was accepted counts, once; each metric
is the one that was set last; and of positions that were set apart none is lost: they stand side by side, as a conflict.
A heartbeat that Redis did not get is no sign of life, to its own writer neither, and whatever has a time to live has it
from its first moment. Behind Sentinels a failover undoes only what no replica had: an addition goes together with its
token, and is added again, once, if it still waits for its reply.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.load.apart import added_apart, ends_in_reads
from pytest_arbredis.load.rows import added_in_rows
from pytest_arbredis.scenarios.naive import manager as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import MANAGED, TOKENS
from pytest_arbredis.state.manager.core import HARDENINGS
from pytest_arbredis.subjects.state.manager import managers

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

SINGLE = topologies.single(conf={"appendonly": "yes", "appendfsync": "always"})

AWAY = Scenario(
    name="state_manager.away",
    promise="While Redis cannot be reached, and while it crashes, additions are served; each is counted, once.",
    topology=SINGLE,
    subject=managers("stat"),
    workload=ends_in_reads(
        workloads.on_objects("counter", rate_hz=120, clients=4, keys=4, change_share=1),
        writes_until_s=2.3,
        reads_from_s=2.7,
    ),
    faults=(
        schedule.at(seconds=0.4)
        .down("primary")
        .lasting(seconds=0.6)
        .at(seconds=1.4)
        .crash("primary")
        .at(seconds=1.7)
        .restart("crashed")
    ),
    seconds=3.2,
    judged=("add", "read"),
    checks=(
        checks.counter_within_bounds(),
        checks.unavailable_at_most(longest_ms=700, names=("add",)),
        checks.works_without_redis(during="down"),
        checks.works_without_redis(during="crash"),
    ),
    read_back=False,
    profiles=("release",),
)

AWAY_NAIVE = hazard_of(
    AWAY, naive.managers("stat"), promise="What is added in memory is hidden by Redis's old value when it is back."
)

REPLY_LOST = Scenario(
    name="state_manager.reply_lost",
    promise="An addition whose reply is lost is counted, once.",
    topology=SINGLE,
    subject=managers("stat"),
    workload=AWAY.workload,
    faults=(
        schedule.at(seconds=0.4)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=1.1)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=1.7)
        .limit_data("primary")
        .lasting(seconds=0.2)
    ),
    seconds=3.2,
    judged=("add", "read"),
    checks=(checks.counter_within_bounds(),),
    read_back=False,
    profiles=("release",),
)

REPLY_LOST_NAIVE = hazard_of(
    REPLY_LOST,
    naive.managers("stat"),
    promise="What is added in memory while replies are lost is hidden by Redis's old value afterwards.",
)

FULL = replace(
    AWAY,
    name="state_manager.out_of_memory",
    promise="While Redis has no memory left, additions are served; each is counted, once, when it has.",
    workload=ends_in_reads(
        workloads.on_objects("counter", rate_hz=120, clients=4, keys=4, change_share=1),
        writes_until_s=2.2,
        reads_from_s=2.8,
    ),
    faults=schedule.at(seconds=0.4).out_of_memory("primary", headroom_mb=2).lasting(seconds=1.6),
    seconds=3.3,
    checks=(
        checks.counter_within_bounds(),
        checks.unavailable_at_most(longest_ms=700, names=("add",)),
        checks.works_without_redis(during="out_of_memory"),
    ),
)

FULL_NAIVE = hazard_of(
    FULL, naive.managers("stat"), promise="What is added in memory while Redis's is full is hidden by its old value."
)

FAILOVER = replace(
    AWAY,
    name="state_manager.failover",
    promise="A failover undoes only additions that no replica had, with their tokens; each of the others counts, once.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    workload=added_in_rows(rate_hz=160, clients=8, writes_until_s=3.2, reads_from_s=4),
    faults=(
        schedule.at(seconds=0.1)
        .limit_data("primary")  # the replicas get later what was applied without a reply: its token must hold it back
        .lasting(seconds=0.1)
        .at(seconds=1.25)  # replicas look for their primary once a second
        .replication_cut("replicas")
        .lasting(seconds=2.4)
        .at(seconds=1.35)
        .limit_data("primary")  # nobody gets what is applied now, nor its token: it must be added again
        .lasting(seconds=0.5)
        .at(seconds=1.45)
        .crash("primary")
        .at(seconds=4)  # earlier it could be taken for the primary still
        .restart("crashed")
    ),
    seconds=4.9,
    exposed_by={"replication_cut": "any"},
    checks=(
        checks.counter_within_bounds(undone_by_failover=True),
        checks.unavailable_at_most(longest_ms=700, names=("add",)),
        checks.works_without_redis(during="limit_data"),
    ),
)

FAILOVER_NAIVE = hazard_of(
    FAILOVER,
    naive.managers("stat"),
    promise="What is added in memory while replies are lost, or until a replica is promoted, is hidden afterwards.",
)

NEWEST = Scenario(
    name="state_manager.newest_metric",
    promise="Of metrics that several managers set while Redis is away, the newest is there when all are back.",
    topology=SINGLE,
    subject=managers("metric"),
    workload=ends_in_reads(
        workloads.on_objects("register", rate_hz=40, clients=4, keys=8, change_share=1),
        writes_until_s=1.6,
        reads_from_s=2.4,
    ),
    faults=schedule.at(seconds=0.5).down("primary").lasting(seconds=1.3),
    seconds=3.2,
    judged=("write", "read"),
    checks=(checks.linearizable_register(), checks.works_without_redis(during="down")),
    read_back=False,
    profiles=("release",),
)

NEWEST_NAIVE = hazard_of(
    NEWEST, naive.managers("metric"), promise="Redis's old metrics hide what was set in memory while it was away."
)

APART = Scenario(
    name="state_manager.positions_apart",
    promise="Of positions that several managers set apart, while Redis is away, every one is kept: a conflict.",
    topology=SINGLE,
    subject=managers("position"),
    workload=ends_in_reads(
        added_apart(rate_hz=80, clients=4, apart_from_s=0.8, apart_until_s=1.6),
        writes_until_s=2.2,
        reads_from_s=2.5,
    ),
    faults=schedule.at(seconds=0.4).down("primary").lasting(seconds=1.4),
    seconds=4,
    judged=("add", "read"),
    checks=(checks.set_keeps_what_was_added(), checks.works_without_redis(during="down")),
    read_back=False,
    profiles=("release",),
)

APART_NAIVE = hazard_of(
    APART, naive.managers("position"), promise="Positions set apart are chosen among silently, or lost."
)

HEARTBEAT = Scenario(
    name="state_manager.heartbeat",
    promise="A heartbeat that somebody sees as alive is in Redis, and everybody who asks it sees the same.",
    topology=SINGLE,
    subject=managers("heartbeat", journalled="unknown"),
    workload=workloads.on_objects("register", rate_hz=120, clients=4, keys=4, change_share=0.4),
    faults=schedule.at(seconds=0.5).down("primary").lasting(seconds=0.8),
    seconds=2,
    judged=("write", "read"),
    checks=(checks.linearizable_register(), checks.works_without_redis(during="down")),
    read_back=False,
    profiles=("release",),
)

HEARTBEAT_NAIVE = hazard_of(
    HEARTBEAT,
    naive.managers("heartbeat", journalled="unknown"),
    promise="A heartbeat written to memory looks alive to its writer, and dead to everyone else.",
)

ENDLESS = Scenario(
    name="state_manager.time_to_live",
    promise="What has a time to live has it whatever replies are lost: no heartbeat stays for ever.",
    topology=SINGLE,
    subject=managers("heartbeat", journalled="unknown"),
    workload=workloads.unique_writes(rate_hz=160, clients=8, read_share=0.5),
    faults=(
        schedule.at(seconds=0.4)
        .limit_data("primary")
        .lasting(seconds=0.1)
        .at(seconds=0.9)
        .limit_data("primary")
        .lasting(seconds=0.1)
        .at(seconds=1.4)
        .limit_data("primary")
        .lasting(seconds=0.1)
    ),
    seconds=2.6,
    judged=("write", "read"),
    checks=(checks.linearizable_register(),),
    read_back=False,
    profiles=("release",),
)

ENDLESS_NAIVE = hazard_of(
    ENDLESS,
    naive.managers("heartbeat", journalled="unknown"),
    promise="HSET and EXPIRE are two commands: where a reply is lost between them a key never expires.",
)

ADDITION = "an addition to a statistic"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation=ADDITION,
        keys=(MANAGED, TOKENS),
        event="Redis away",
        may_be={"delayed": "until its manager reconciles", "lost": "with a manager's process, unless it has a file"},
        proof=AWAY,
        naive=naive.managers("stat"),
        hardened=lambda without: managers("stat", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal"}),
    ),
    Claim(
        operation=ADDITION,
        keys=(MANAGED, TOKENS),
        event="reply lost",
        may_be={"delayed": "until its manager reconciles", "lost": "with a manager's process, unless it has a file"},
        proof=REPLY_LOST,
        naive=naive.managers("stat"),
        hardened=lambda without: managers("stat", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal", "idempotency-token"}),
    ),
    Claim(
        operation=ADDITION,
        keys=(MANAGED, TOKENS),
        event="crash, AOF always",
        may_be={"delayed": "until its manager reconciles", "lost": "with a manager's process, unless it has a file"},
        proof=AWAY,
        naive=naive.managers("stat"),
        hardened=lambda without: managers("stat", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal"}),
    ),
    Claim(
        operation=ADDITION,
        keys=(MANAGED, TOKENS),
        event="OOM",
        may_be={"delayed": "until its manager reconciles", "lost": "with a manager's process, unless it has a file"},
        proof=FULL,
        naive=naive.managers("stat"),
        hardened=lambda without: managers("stat", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal"}),
    ),
    Claim(
        operation=ADDITION,
        keys=(MANAGED, TOKENS),
        event="failover, stock",
        may_be={
            "lost": "together with its token, if Redis answered it and no replica had it",
            "delayed": "until its manager reconciles, with the primary that there is then",
        },
        proof=FAILOVER,
        naive=naive.managers("stat"),
        hardened=lambda without: managers("stat", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal", "idempotency-token"}),
    ),
    Claim(
        operation="setting a metric",
        keys=(MANAGED,),
        event="Redis away",
        may_be={"delayed": "until its manager reconciles", "lost": "where a newer one was set; with the process"},
        proof=NEWEST,
        naive=naive.managers("metric"),
        hardened=lambda without: managers("metric", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal", "newest-wins"}),
    ),
    Claim(
        operation="setting a position",
        keys=(MANAGED,),
        event="Redis away",
        may_be={
            "delayed": "until its manager reconciles, and then perhaps a conflict",
            "refused": "where another one is there than was read",
            "lost": "with a manager's process, unless it has a file",
        },
        proof=APART,
        naive=naive.managers("position"),
        hardened=lambda without: managers("position", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"journal", "conflict-report"}),
    ),
    Claim(
        operation="a heartbeat",
        keys=(MANAGED,),
        event="Redis away",
        may_be={"lost": "while Redis is away, and its writer is told"},
        proof=HEARTBEAT,
        naive=naive.managers("heartbeat", journalled="unknown"),
        hardened=lambda without: managers("heartbeat", journalled="unknown", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"degraded-reads"}),
    ),
    Claim(
        operation="a heartbeat",
        keys=(MANAGED,),
        event="reply lost",
        may_be={"lost": "while replies are lost, and its writer is told"},
        proof=ENDLESS,
        naive=naive.managers("heartbeat", journalled="unknown"),
        hardened=lambda without: managers("heartbeat", journalled="unknown", _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"ttl-in-one-step", "degraded-reads"}),
    ),
)


def test_additions_are_served_and_counted_once_while_redis_is_away(arbredis: Arbredis) -> None:
    arbredis.run(AWAY).assert_valid()


def test_what_is_added_in_memory_is_hidden_by_the_old_value(arbredis: Arbredis) -> None:
    arbredis.run(AWAY_NAIVE).assert_valid()


def test_an_addition_whose_reply_is_lost_is_counted_once(arbredis: Arbredis) -> None:
    arbredis.run(REPLY_LOST).assert_valid()


def test_lost_replies_make_a_naive_manager_miscount(arbredis: Arbredis) -> None:
    arbredis.run(REPLY_LOST_NAIVE).assert_valid()


def test_additions_are_served_and_counted_once_while_memory_is_full(arbredis: Arbredis) -> None:
    arbredis.run(FULL).assert_valid()


def test_what_is_added_while_memory_is_full_is_hidden_afterwards(arbredis: Arbredis) -> None:
    arbredis.run(FULL_NAIVE).assert_valid()


def test_a_failover_undoes_additions_with_their_tokens_and_no_others(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_a_failover_makes_a_naive_manager_forget_what_it_answered(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER_NAIVE).assert_valid()


def test_the_newest_metric_wins(arbredis: Arbredis) -> None:
    arbredis.run(NEWEST).assert_valid()


def test_old_metrics_hide_what_was_set_in_memory(arbredis: Arbredis) -> None:
    arbredis.run(NEWEST_NAIVE).assert_valid()


def test_positions_set_apart_are_all_kept(arbredis: Arbredis) -> None:
    arbredis.run(APART).assert_valid()


def test_positions_set_apart_are_chosen_among_silently(arbredis: Arbredis) -> None:
    arbredis.run(APART_NAIVE).assert_valid()


def test_a_heartbeat_tells_the_truth(arbredis: Arbredis) -> None:
    arbredis.run(HEARTBEAT).assert_valid()


def test_a_heartbeat_in_memory_looks_alive_to_its_writer(arbredis: Arbredis) -> None:
    arbredis.run(HEARTBEAT_NAIVE).assert_valid()


def test_whatever_has_a_time_to_live_has_it_from_the_start(arbredis: Arbredis) -> None:
    arbredis.run(ENDLESS).assert_valid()


def test_a_lost_reply_leaves_a_heartbeat_that_never_expires(arbredis: Arbredis) -> None:
    arbredis.run(ENDLESS_NAIVE).assert_valid()
