"""Eviction: what maxmemory takes, and what it leaves.

Under an `allkeys` policy a full primary evicts keys that were acknowledged, positions too, and tells nobody. Under a
`volatile` policy it takes only keys with a time to live: what has none stays, and writes go on. The state layer cannot
mend that: it refuses to connect where the policy is `allkeys`, and here the policy changes under way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.promises import Claim
from pytest_arbredis.state.keyspace.patterns import ALL

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

ALL_KEYS = Scenario(
    name="eviction.allkeys",
    kind="hazard",
    promise="Under maxmemory-policy allkeys-random acknowledged keys vanish without an error.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.state_layer(),
    workload=workloads.unique_writes(rate_hz=400, clients=4),
    faults=schedule.at(seconds=0.8).eviction("primary", policy="allkeys-random").lasting(seconds=1),
    seconds=3.8,
    checks=(checks.keys_are_evicted(at_least=1),),
)

VOLATILE = Scenario(
    name="eviction.volatile",
    promise="Under maxmemory-policy volatile-lru no key without a time to live is evicted, and writes go on.",
    topology=ALL_KEYS.topology,
    subject=subjects.state_layer(),
    workload=workloads.unique_writes(rate_hz=400, clients=4, read_share=0.3),
    faults=schedule.at(seconds=0.8).eviction("primary", policy="volatile-lru").lasting(seconds=1),
    seconds=6,
    checks=(
        checks.acknowledged_writes_survive(),
        checks.read_your_writes(),
        checks.service_resumes(within_s=1, after="eviction"),
        checks.replicas_converge(),
    ),
)

CHANGE = "any change"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation=CHANGE,
        keys=ALL,
        event="eviction",
        may_be={"lost": "any key, if the policy is made allkeys while clients are connected"},
        proof=ALL_KEYS,
    ),
    Claim(
        operation=CHANGE,
        keys=tuple(pattern for pattern in ALL if pattern.ttl_s is None and not pattern.may_expire),
        event="eviction",
        may_be={},
        proof=VOLATILE,
    ),
)


def test_keys_vanish_under_an_allkeys_policy(arbredis: Arbredis) -> None:
    arbredis.run(ALL_KEYS).assert_valid()


def test_keys_without_a_ttl_stay_under_a_volatile_policy(arbredis: Arbredis) -> None:
    arbredis.run(VOLATILE).assert_valid()
