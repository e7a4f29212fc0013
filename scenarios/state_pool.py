"""What is not Redis's illness opens no breaker: a pool that is too small, and writes for which there is no memory.

Twelve callers share three connections to a slow and healthy Redis: some are told that the pool is exhausted, and the
others are served. Then Redis is out of memory: it refuses writes, and serves reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.naive import connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.connections.settings import HARDENINGS

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis
    from pytest_arbredis.subjects.state.register import StateLayer

OPEN_S = 1.4


def _of_few(without: frozenset[str] = frozenset()) -> StateLayer:
    policy = BreakerPolicy(failures=5, open_s=OPEN_S)
    return subjects.state_layer(within_s=0.2, breaker=policy, max_connections=3, _without=without)


FULL = Scenario(
    name="state_pool.full",
    promise="A full pool, and writes refused for OOM, are told as not done: reads are away for 0.9 s at most, "
    "writes for 0.5 s while Redis is only slow.",
    topology=topologies.single(),
    subject=_of_few(),
    workload=workloads.unique_writes(rate_hz=240, clients=12, read_share=0.5),
    faults=(
        schedule.at(seconds=0.3)
        .latency("primary", ms=60)
        .lasting(seconds=0.8)
        .at(seconds=1.3)
        .out_of_memory("primary")
        .lasting(seconds=0.8)
    ),
    seconds=3.9,
    judged=("write", "read"),
    profiles=("release",),
    checks=(
        checks.unavailable_at_most(longest_ms=900, names=("read",)),
        checks.unavailable_at_most(longest_ms=500, names=("write",), during="latency"),
        checks.refused_writes_are_refused(),
        checks.sometimes_error("PoolExhaustedError"),
    ),
)

NAIVE = hazard_of(
    FULL,
    naive.Pooled(timeout_s=0.2, failures=5, open_s=OPEN_S, max_connections=3),
    promise="A breaker that counts a full pool, or a refused write, as Redis failing takes everybody's calls away.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call, with more callers than connections",
        keys=(),
        event="stall",
        may_be={"refused": "when no connection comes free: nothing was sent"},
        proof=FULL,
        naive=NAIVE.subject,
        hardened=_of_few,
        hardenings=HARDENINGS,
        rests_on=frozenset({"only-unwell-counts"}),
    ),
    Claim(
        operation="any read, with a circuit breaker",
        keys=(),
        event="OOM",
        may_be={},
        proof=FULL,
        naive=NAIVE.subject,
        hardened=_of_few,
        hardenings=HARDENINGS,
        rests_on=frozenset({"only-unwell-counts"}),
    ),
)


def test_a_full_pool_is_not_redis_failing(arbredis: Arbredis) -> None:
    arbredis.run(FULL).assert_valid()


def test_a_naive_breaker_opens_for_a_full_pool(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()
