"""The task queue: what a caller may rely on when consumers die, replies are lost and Redis is killed.

Every task that was put with success is done in the end, or still there: also if its consumer died with it, or if the
reply that gave it was lost. None is given again after its acknowledgement, and none that has become stale.
"""

from __future__ import annotations

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

CLAIMS: tuple[Claim, ...] = tuple(
    Claim(
        operation="put, take and acknowledge a task",
        keys=(TASKS, PROCESSING, CONSUMERS, DELIVERIES),
        event=event,
        may_be=may_be,
        proof=DONE,
        naive=naive.tasks(),
        hardened=lambda without: tasks(_without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    )
    for event, may_be in (
        ("consumer dies", {"repeated": "until it is acknowledged", "delayed": "by the lease"}),
        ("reply lost", {"repeated": "until it is acknowledged"}),
        ("crash, AOF always", {"refused": "while Redis is away", "repeated": "until it is acknowledged"}),
    )
)


def test_tasks_survive_their_consumers(arbredis: Arbredis) -> None:
    arbredis.run(DONE).assert_valid()


def test_brpop_loses_tasks(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()
