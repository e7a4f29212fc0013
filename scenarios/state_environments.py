"""Environments never mix: bots of every mode share one Redis, and none sees what another has counted.

Managers of four modes (live, paper, shadow, test) add to statistics of the same name, and read them. As designed every
manager that is not told otherwise has the namespace `default`, and a bot that trades on paper moves the figures of the
one that trades live. That sessions of one id in four environments do not mix is part of `state_sessions.crash`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, topologies, workloads
from pytest_arbredis.scenarios.naive import manager as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import MANAGED
from pytest_arbredis.subjects.state.environments import environments

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

APART = Scenario(
    name="state_environments.apart",
    promise="Bots of four modes on one Redis count under the same names, and none sees what another counted.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=environments(),
    workload=workloads.on_objects("counter", rate_hz=200, clients=4, keys=8, change_share=0.5),
    seconds=1.6,
    judged=("add", "read"),
    checks=(checks.counter_within_bounds(),),
    read_back=False,
    profiles=("release",),
)

MIXED = hazard_of(
    APART,
    naive.by_default(),
    promise="Managers with the namespace that they have by default count for one another.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="a statistic of one mode beside those of others",
        keys=(MANAGED,),
        event="concurrency",
        may_be={},
        proof=APART,
        naive=naive.by_default(),
    ),
)


def test_no_mode_sees_what_another_counted(arbredis: Arbredis) -> None:
    arbredis.run(APART).assert_valid()


def test_managers_by_default_count_for_one_another(arbredis: Arbredis) -> None:
    arbredis.run(MIXED).assert_valid()
