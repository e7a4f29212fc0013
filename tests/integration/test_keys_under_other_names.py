"""A bot that keeps its keys under names of its own is not accused of having lost them; one that lost them is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.load.workloads import unique_writes

KEEPS = Scenario(
    name="keeps",
    promise="Keeps what it acknowledges.",
    topology=topologies.single(),
    subject=subjects.direct(),
    workload=unique_writes(rate_hz=100, clients=2),
    seconds=0.6,
    faults=schedule.nothing(),
    checks=(checks.acknowledged_writes_survive(),),
)


class Renaming:
    """redis-py, with a name of its own for each key; and one that writes nothing."""

    def __init__(self, name, rename):
        self.name, self.rename = name, rename

    def open(self, endpoints):
        return RenamingSession(subjects.direct().open(endpoints), self.rename)


class RenamingSession:
    def __init__(self, session, rename):
        self.session, self.rename = session, rename

    def apply(self, op):
        if op.name == "write" and self.rename is None:
            return "OK"
        return self.session.apply(replace(op, key=self.rename(op.key)))

    def close(self):
        self.session.close()


@pytest.mark.parametrize("rename", ["bot:{}", "{}:state", "bot[1]:{}?"])
def test_keys_under_other_names_are_unknown_and_the_reason_is_told(judged, rename):
    finding = judged(replace(KEEPS, subject=Renaming("renames", rename.format))).findings[0]
    assert finding.verdict is Verdict.UNKNOWN
    assert "the subject keeps its keys under other names" in finding.summary


def test_keys_that_were_never_written_are_lost(judged):
    workload = unique_writes(rate_hz=100, clients=2, read_share=0)
    finding = judged(replace(KEEPS, subject=Renaming("writes nothing", None), workload=workload)).findings[0]
    assert finding.verdict is Verdict.INVALID
