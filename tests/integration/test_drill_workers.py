"""Several scenarios of a drill at a time: the same verdicts in the same order, and nothing left whatever ends it."""

from __future__ import annotations

import signal
import sys

import pytest
from drills import Drill, start

from pytest_arbredis._clock import wait_until
from pytest_arbredis.cli.main import status_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc")

SCENARIOS = """
import os

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads


class Lies:
    name = "acknowledges before sending"

    def open(self, endpoints):
        return self

    def apply(self, op):
        return True

    def close(self):
        pass


class Ends(Lies):
    name = "ends its process"

    def apply(self, op):
        os._exit(7)


def of(name, **changed):
    values = dict(
        name=name,
        promise="as planted",
        topology=topologies.single(),
        subject=subjects.direct(),
        workload=workloads.unique_writes(rate_hz=50, clients=2),
        checks=(checks.acknowledged_writes_survive(),),
        seconds=0.5,
    )
    return Scenario(**{**values, **changed})


HOLDS = of("holds")
AGAIN = of("again")
LIES = of("lies", subject=Lies())
ENDS = of("ends", subject=Ends())
REFUSED = of("refused", topology=topologies.single(conf={"maxmemory": "a lot"}))
SLOW = schedule.at(seconds=0.2).latency("primary", ms=20).lasting(seconds=3)
LONG = of("long", faults=SLOW, seconds=4)
LONGER = of("longer", faults=SLOW, seconds=5)
"""
EACH = ("HOLDS", "LIES", "ENDS", "REFUSED", "AGAIN")


@pytest.fixture
def drill(tmp_path):
    """Starts `arbredis drill --workers 2` on scenarios of the file above; nothing of it is left behind."""
    (tmp_path / "planted.py").write_text(SCENARIOS)
    begun: list[Drill] = []

    def begin(*values: str) -> Drill:
        named = [f"planted:{value}" for value in values]
        begun.append(start([*named, "--workers", "2", "--launcher", "process"], runs=tmp_path / "runs", cwd=tmp_path))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


def test_outcomes_are_told_in_the_order_of_the_scenarios_whoever_played_them(drill):
    begun = drill(*EACH)
    done = begun.finished()
    assert done.status == 1, done
    begun.gone(set(), within_s=3.0, docker=False)
    assert "5 scenarios, 2 at a time" in done.out
    table = done.out[done.out.index("verdict ") :]
    verdicts = [line.split()[:2] for line in table.splitlines()[1:4]]
    assert verdicts == [["valid", "holds"], ["invalid", "lies"], ["valid", "again"]]
    assert "ends: the harness failed, no verdict\nthe process that played it ended with status 7" in done.out
    assert "refused: the harness failed, no verdict" in done.out
    assert "a lot" in done.out  # the server's own words
    labels = [line.partition("/5 ")[0] for line in done.out.splitlines() if "/5 " in line]
    assert sorted(labels) == [*"12345"]


def both_under_fault(drill: Drill) -> bool:
    """Both of its workers are at their load, each with a fault in force."""
    return sum(any(fault.evidence for fault in history.faults) for history in drill.histories()) == 2


@pytest.mark.parametrize(
    ("number", "status"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM", marks=pytest.mark.thorough),
        pytest.param(signal.SIGKILL, -9, id="SIGKILL"),
    ],
)
def test_what_ends_the_drill_ends_its_workers_and_both_histories_are_kept(drill, number, status):
    begun = drill("LONG", "LONGER")
    wait_until(lambda: both_under_fault(begun), within_s=30, what="both at their load")
    begun.process.send_signal(number)
    done = begun.finished(within_s=30)
    assert done.status == status, done
    assert "Traceback" not in done.err
    begun.gone(set(), within_s=10.0, docker=False)
    histories = begun.histories()
    assert len(histories) == 2
    for history in histories:
        assert len(history.ops) > 10
        assert all(fault.ended_ns is not None for fault in history.faults)


def test_servers_that_stand_are_one_place(capsys):
    arguments = ["drill", "oom", "--url", "redis://localhost:1", "--control", "http://localhost:1"]
    assert status_of([*arguments, "--workers", "2"]) == 2
    assert "2 workers on servers that stand" in capsys.readouterr().err
