"""Zombie: what a caller may rely on when the primary freezes, is replaced, and wakes up as if nothing had happened.

A frozen primary keeps its connections and answers nothing. Clients that wait no longer than 300 ms for a reply are
served by the promoted replica within 3 s. When the zombie wakes it is demoted; what it still acknowledged is lost for
the documented reason only: nobody replicated it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

WAKES = Scenario(
    name="zombie.wakes",
    promise="A frozen primary is replaced within 3 s, and loses only unreplicated writes when it wakes.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(socket_timeout_s=0.3),
    workload=workloads.unique_writes(rate_hz=400, clients=8),
    faults=schedule.at(seconds=0.6).pause("primary").lasting(seconds=3),
    seconds=5,
    checks=(
        checks.recovers_within(seconds=3, after="pause"),
        checks.losses_are_documented(),
        checks.replicas_converge(),
    ),
)


def test_a_frozen_primary_is_replaced_and_does_no_harm_when_it_wakes(arbredis: Arbredis) -> None:
    arbredis.run(WAKES).assert_valid()
