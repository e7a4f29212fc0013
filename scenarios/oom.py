"""Out of memory: a primary at its maxmemory, under noeviction, refuses writes and loses nothing.

A refused write is refused: it does not turn up later. What was stored stays stored, reads go on, and writes are served
again within a second of the memory being freed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

OUT_OF_MEMORY = Scenario(
    name="oom.refusal",
    promise="At maxmemory writes are refused, nothing stored is lost, and service resumes 1 s after memory is freed.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=4, read_share=0.3),
    faults=schedule.at(seconds=0.6).out_of_memory("primary").lasting(seconds=1.3),
    seconds=3.2,
    checks=(
        checks.refused_writes_are_refused(),
        checks.acknowledged_writes_survive(),
        checks.read_your_writes(),
        checks.service_resumes(within_s=1, after="out_of_memory"),
        checks.replicas_converge(),
    ),
)


def test_out_of_memory_refuses_writes_and_loses_nothing(arbredis: Arbredis) -> None:
    arbredis.run(OUT_OF_MEMORY).assert_valid()
