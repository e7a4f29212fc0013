"""Eviction: state that a server has evicted is never said to be absent, and none is kept where it may be evicted.

Under an `allkeys` policy a full server removes states of the engine that "persist until overwritten", and tells nobody.
The hardened store refuses to write there, and where it finds nothing it says that it may have been evicted, also after
the policy was mended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.scenarios.naive import engine as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.engine.store import HARDENINGS
from pytest_arbredis.state.keyspace.patterns import PHYSICS
from pytest_arbredis.subjects.state.engine import physics

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

SAID = Scenario(
    name="state_eviction.said",
    promise="A physics state that was acknowledged is never said to be absent: evicted ones are an error.",
    topology=topologies.single(),  # filling a server that writes it all down takes seconds on a slow disk
    subject=physics(),
    workload=workloads.unique_writes(rate_hz=400, clients=4, read_share=0.5),
    faults=schedule.at(seconds=0.8).eviction("primary", policy="allkeys-random").lasting(seconds=0.8),
    seconds=3.6,
    judged=("write", "read"),
    exposed_by={"eviction": "any"},
    checks=(checks.key_is_never_evicted(),),
    read_back=False,
    profiles=("release",),
)

SILENT = hazard_of(
    SAID,
    naive.physics(),
    promise="allkeys eviction takes physics states that were to persist until overwritten, and reads say None.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="a save or a load of a physics state",
        keys=(PHYSICS,),
        event="eviction",
        may_be={"lost": "what the server evicts; a load says so", "refused": "while the policy is allkeys"},
        proof=SAID,
        naive=naive.physics(),
        hardened=lambda without: physics(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"eviction-guard"}),
    ),
)


def test_evicted_state_is_never_said_to_be_absent(arbredis: Arbredis) -> None:
    arbredis.run(SAID).assert_valid()


def test_eviction_takes_state_silently(arbredis: Arbredis) -> None:
    arbredis.run(SILENT).assert_valid()
