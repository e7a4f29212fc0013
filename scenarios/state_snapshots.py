"""Snapshots: what is called fresh is no older than its time to live, also if the reply was late.

A reply says what was true when the server made it. Where it took 800 ms, a snapshot that lives 500 ms is history;
the hardened store counts that time, and the age that the server knows, and does not call it fresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.scenarios.naive import engine as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.engine.store import HARDENINGS
from pytest_arbredis.state.keyspace.patterns import SNAPSHOT
from pytest_arbredis.subjects.state.engine import snapshots

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

LATE = Scenario(
    name="state_snapshots.late",
    promise="A snapshot that is called fresh is no older than 700 ms when its reader has it, 500 of its time to live "
    "and 200 for a busy machine, however late the reply was.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=snapshots(),
    workload=workloads.unique_writes(rate_hz=400, clients=20, read_share=0.7),
    faults=schedule.at(seconds=0.8).latency("primary", ms=800).lasting(seconds=0.8),
    seconds=4.4,
    judged=("write", "read"),
    checks=(checks.values_expire(max_ms=700), checks.values_read_were_written()),
    read_back=False,
    profiles=("release",),
)

STALE = hazard_of(
    LATE,
    naive.snapshots(),
    promise="A reply that was late brings a snapshot past its time to live, and nothing says so.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="a read of a market snapshot",
        keys=(SNAPSHOT,),
        event="stall",
        may_be={"delayed": "until the reply comes; it says that it is not fresh"},
        proof=LATE,
        naive=naive.snapshots(),
        hardened=lambda without: snapshots(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"age"}),
    ),
)


def test_a_late_snapshot_is_not_called_fresh(arbredis: Arbredis) -> None:
    arbredis.run(LATE).assert_valid()


def test_a_late_reply_brings_an_old_snapshot(arbredis: Arbredis) -> None:
    arbredis.run(STALE).assert_valid()
