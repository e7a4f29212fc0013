"""Empty restart: a hazard of a primary without persistence that something restarts at once.

It is back, empty, before any Sentinel has noticed that it was gone. Its replicas follow it, and throw away the only
copies there were: everything acknowledged is gone from every node, and nobody was promoted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

WIPED = Scenario(
    name="empty_restart.wipes_replicas",
    kind="hazard",
    promise="A primary that restarts empty, at once, has its replicas throw away everything that was acknowledged.",
    topology=topologies.sentinel(replicas=2, sentinels=3),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=400, clients=4),
    faults=schedule.at(seconds=0.8).empty_restart("primary"),
    seconds=3,
    checks=(checks.data_is_wiped(at_least=10),),
)


def test_an_empty_restart_wipes_all_replicas(arbredis: Arbredis) -> None:
    arbredis.run(WIPED).assert_valid()
