"""Loading: what a caller may rely on while the primary loads a large data set after a restart.

Sentinel takes -LOADING for a sign of life: nobody is promoted. Commands are refused, and certainly not applied; nothing
acknowledged is lost; and service is back within 2 s of the end of loading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

LOADING = Scenario(
    name="loading.primary",
    promise="A loading primary keeps its office, refuses commands, loses nothing; service is back 2 s after it loaded.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=8),
    faults=schedule.at(seconds=0.8).loading("primary", seconds=2).lasting(seconds=2.5),
    seconds=6,
    checks=(
        checks.no_failover(during="loading"),
        checks.acknowledged_writes_survive(),
        checks.refused_writes_are_refused(during="loading", refusal="LOADING"),
        checks.service_resumes(within_s=2, after="loading"),
        checks.replicas_converge(),
    ),
)


def test_a_loading_primary_keeps_its_office_and_loses_nothing(arbredis: Arbredis) -> None:
    arbredis.run(LOADING).assert_valid()
