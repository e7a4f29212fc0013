"""Schedules are values: their repr makes them again, and nonsense is refused where it is written."""

from __future__ import annotations

import pytest

from pytest_arbredis import schedule
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.schedule import Step

EVERYTHING = (
    schedule.at(seconds=0.5)
    .latency("primary", ms=200, jitter_ms=20)
    .lasting(seconds=1.5)
    .down("n1")
    .reset("replicas")
    .limit_data("primary", after_handshake=True)
    .limit_data("nodes", bytes=7)
    .at(seconds=2)
    .crash("primary")
    .pause("s0")
    .lasting(seconds=3)
    .at(seconds=6)
    .restart("crashed")
    .replication_cut()
    .failover()
    .out_of_memory(headroom_mb=2)
)


@pytest.mark.parametrize("plan", [EVERYTHING, schedule.at(seconds=2).crash("primary"), schedule.nothing()], ids=repr)
def test_its_repr_is_the_python_that_makes_it_again(plan):
    assert eval(repr(plan), {"schedule": schedule}).steps == plan.steps  # noqa: S307 - our own repr


def test_steps_keep_time_fault_target_and_duration():
    plan = schedule.at(seconds=1).limit_data("primary", bytes=5).lasting(seconds=2).at(seconds=4).crash("n0")
    assert plan.steps == (
        Step(at_s=1, fault=LimitData(bytes=5), target="primary", for_s=2),
        Step(at_s=4, fault=Crash(), target="n0"),
    )
    assert plan.ends_s == 4
    assert EVERYTHING.ends_s == 6
    assert schedule.nothing().ends_s == 0


def test_a_schedule_is_not_changed_by_what_is_made_of_it():
    first = schedule.at(seconds=1).crash("primary")
    first.at(seconds=2).restart()
    assert len(first.steps) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: schedule.at(seconds=2).crash("primary").at(seconds=1), "write the steps in the order of their times"),
        (lambda: schedule.at(seconds=-1), "0 or more"),
        (lambda: schedule.nothing().crash("primary"), r"crash has no time.*write at\(seconds=…\) before the fault"),
        (lambda: schedule.at(seconds=1).lasting(seconds=1), "right behind a fault"),
        (lambda: schedule.nothing().lasting(seconds=1), "right behind a fault"),
        (lambda: schedule.at(seconds=1).crash("primary").lasting(seconds=0), "give a positive time"),
        (lambda: schedule.at(seconds=1).crash("primry"), "unknown target 'primry'.*crashed.*primary.*replicas"),
        (lambda: schedule.at(seconds=1).crash("n"), "unknown target 'n'"),
        (lambda: schedule.at(seconds=1).crash("x1"), "unknown target 'x1'"),
        (lambda: schedule.at(seconds=1).crash("primary", expect_unobserved=True), "leave the argument out"),
        (lambda: schedule.at(seconds=1).latency("primary", ms=0), "whole milliseconds"),
        (lambda: schedule.at(seconds=1).latency("primary", ms=5, jitter_ms=6), "jitter_ms <= ms"),
        (lambda: schedule.at(seconds=1).limit_data("primary", bytes=-1), "0 or more bytes"),
        (lambda: schedule.at(seconds=1).out_of_memory(headroom_mb=0), "1 to 512 MB"),
        (lambda: schedule.at(seconds=1).out_of_memory(headroom_mb=513), "1 to 512 MB"),
    ],
)
def test_nonsense_is_refused_where_it_is_written(make, said):
    with pytest.raises(UsageError, match=f"(?s){said}"):
        make()
