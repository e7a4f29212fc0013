"""Subjects without a bug, which nobody may accuse: the mended twin of every planted bug, and redis-py as it comes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planted.case import AWAY, NOTHING, REPLIES_LOST, SILENT, SINGLE
from planted.registry import PLANTED
from pytest_arbredis import Scenario, checks, subjects, workloads

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.checkers.verdict import Check
    from pytest_arbredis.faults.schedule import Schedule
    from pytest_arbredis.load.protocol import Subject
    from pytest_arbredis.load.workloads import Workload

SEEDS = 10
"""Runs of each."""


def _library(
    name: str,
    subject: Subject,
    workload: Workload,
    faults: Schedule,
    *claims: Check,
    judged: tuple[str, ...] = ("write",),
    read_back: bool = True,
) -> Scenario:
    return Scenario(
        name=f"quality.{name}",
        promise="A client of the library that sends nothing twice keeps what its object promises.",
        topology=SINGLE,
        subject=subject,
        workload=workload,
        checks=claims,
        faults=faults,
        seconds=2.0,
        judged=judged,
        read_back=read_back,
    )


LIBRARY = (
    _library(
        "a_pool_of_threads",
        subjects.pool(socket_timeout_s=0.3),
        workloads.on_objects("register", 200, 4),
        AWAY,
        checks.linearizable_register(),
        checks.read_your_writes(),
        judged=("write", "read"),
    ),
    _library(
        "a_pool_of_asyncio",
        subjects.async_pool(socket_timeout_s=0.3),
        workloads.unique_writes(200, 4, 0.2),
        REPLIES_LOST,
        checks.acknowledged_writes_survive(),
        checks.linearizable_register(),
    ),
    _library(
        "a_log",
        subjects.objects("append-log", socket_timeout_s=0.3),
        workloads.on_objects("append-log", 160, 4, keys=2),
        SILENT,
        checks.log_is_a_prefix(),
        judged=("append", "read"),
        read_back=False,
    ),
    _library(
        "a_set",
        subjects.objects("set", socket_timeout_s=0.3),
        workloads.on_objects("set", 160, 4, keys=2),
        NOTHING,
        checks.set_keeps_what_was_added(),
        judged=("add", "read"),
        read_back=False,
    ),
)


def scenarios() -> Iterator[tuple[str, Scenario]]:
    """Every correct subject in its scenario, with a fresh state."""
    for planted in PLANTED:
        yield f"{planted.name}, mended", planted.scenario(planted.bot(buggy=False))
    yield from ((scenario.name, scenario) for scenario in LIBRARY)
