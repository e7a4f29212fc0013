"""The task queue: what a caller may rely on when consumers die, replies are lost and Redis is killed.

Every task that was put with success is done in the end, or still there: also if its consumer died with it, or if the
reply that gave it was lost. None is given again after its acknowledgement, and none that has become stale. A failover
to replicas that lag undoes the last puts, takes and acknowledgements together, and nothing else: what the replicas had
is done, also if its consumer had died.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies
from pytest_arbredis.load.tasks import TaskWork
from pytest_arbredis.scenarios.naive import queue as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import CONSUMERS, DELIVERIES, PROCESSING, TASKS
from pytest_arbredis.state.queue.plans import HARDENINGS
from pytest_arbredis.subjects.state.tasks import tasks

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

DONE = Scenario(
    name="state_queue.done",
    promise="Tasks survive their consumers and lost replies; none is given after its ack, or when it is stale.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=tasks(),
    workload=TaskWork(rate_hz=300, clients=6),
    faults=(
        schedule.at(seconds=0.6)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=1.2)
        .crash("primary")
        .at(seconds=1.5)
        .restart("crashed")
    ),
    seconds=3.6,
    judged=("enqueue", "dequeue"),
    read_back=False,
    profiles=("release",),
    checks=(checks.tasks_are_done(within_ms=1200),),
)

NAIVE = hazard_of(
    DONE,
    naive.tasks(),
    promise="BRPOP loses the task of a consumer that dies and of a reply that is lost, and gives stale orders.",
)

FAILOVER = replace(
    DONE,
    name="state_queue.failover",
    promise="A failover undoes only puts and acks that no replica had; all other tasks are done, and none is stale.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    faults=(
        schedule.at(seconds=0.8)
        .replication_cut("replicas")
        .lasting(seconds=2.4)
        .at(seconds=1.2)
        .crash("primary")
        .at(seconds=3.4)
        .restart("crashed")
    ),
    workload=replace(DONE.workload, puts_until=0.75),  # also for a while after the failover
    seconds=5.5,
    exposed_by={"replication_cut": "any"},
    checks=(checks.tasks_are_done(within_ms=2000, undone_by_failover=True),),
)

UNDONE = replace(
    FAILOVER,
    name="state_queue.undone",
    kind="hazard",
    promise="A failover to replicas that lag loses tasks that were put, and gives others again that were done.",
    checks=(checks.violated(claims=("tasks_are_done",)),),
)

NAIVE_FAILOVER = hazard_of(
    FAILOVER,
    naive.tasks(),
    promise="BRPOP loses the tasks of consumers that die, also those that the replicas had, and gives stale orders.",
)

PUT_TAKE_ACK = "put, take and acknowledge a task"
KEYS = (TASKS, PROCESSING, CONSUMERS, DELIVERIES)

_HARDENED = tuple(
    Claim(
        operation=PUT_TAKE_ACK,
        keys=KEYS,
        event=event,
        may_be=may_be,
        proof=proof,
        naive=naive.tasks(),
        hardened=lambda without: tasks(_without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    )
    for event, proof, may_be in (
        ("consumer dies", DONE, {"repeated": "until it is acknowledged", "delayed": "by the lease"}),
        ("reply lost", DONE, {"repeated": "until it is acknowledged"}),
        ("crash, AOF always", DONE, {"refused": "while Redis is away", "repeated": "until it is acknowledged"}),
        (
            "failover, stock",
            FAILOVER,
            {
                "lost": "puts that no replica had",
                "repeated": "also after an acknowledgement that no replica had",
                "refused": "until a replica is promoted",
            },
        ),
    )
)

CLAIMS: tuple[Claim, ...] = (
    *_HARDENED,
    Claim(
        operation="put, and acknowledge, a task that no replica hears of",
        keys=KEYS,
        event="failover, stock",
        may_be={"lost": "puts that no replica had", "repeated": "also after an acknowledgement that no replica had"},
        proof=UNDONE,
    ),
)


def test_tasks_survive_their_consumers(arbredis: Arbredis) -> None:
    arbredis.run(DONE).assert_valid()


def test_brpop_loses_tasks(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()


def test_a_failover_undoes_only_what_no_replica_had(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_a_failover_undoes_puts_and_acks(arbredis: Arbredis) -> None:
    arbredis.run(UNDONE).assert_valid()


def test_brpop_loses_also_what_the_replicas_had(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE_FAILOVER).assert_valid()
