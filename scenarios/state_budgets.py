"""Latency budgets through the state layer, with deadline and circuit breaker on: what a caller pays on localhost.

GET P50/P95/P99 0.1/0.3/0.5 ms, SET 0.2/0.4/0.8 ms, PUBLISH 0.3/0.6/1.2 ms by threads; through asyncio GET P50 0.2 ms.
Held, broken or inconclusive as in `latency_budgets`; they measure for long enough that one round of four may be noisy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, subjects, topologies, workloads
from pytest_arbredis.state.breaker.policy import BreakerPolicy

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

COMMANDS = ("GET", "SET", "PUBLISH")

SYNC = Scenario(
    name="state_budgets.sync",
    promise="Through the state layer GET P99 < 0.5 ms, SET P99 < 0.8 ms, PUBLISH P99 < 1.2 ms on localhost.",
    topology=topologies.single(),
    subject=subjects.state_layer(breaker=BreakerPolicy()),
    workload=workloads.commands(rate_hz=3600, names=COMMANDS),
    seconds=13,
    judged=COMMANDS,
    path="direct",
    read_back=False,
    profiles=("release",),
    checks=(
        checks.latency("GET", p50_ms=0.1, p95_ms=0.3, p99_ms=0.5, noise_allowance=2),
        checks.latency("SET", p50_ms=0.2, p95_ms=0.4, p99_ms=0.8, noise_allowance=2),
        checks.latency("PUBLISH", p50_ms=0.3, p95_ms=0.6, p99_ms=1.2, noise_allowance=2),
    ),
)

ASYNCIO = replace(
    SYNC,
    name="state_budgets.asyncio",
    promise="Through the state layer in asyncio GET P99 < 0.5 ms, SET P99 < 0.8 ms, PUBLISH P99 < 1.2 ms.",
    subject=subjects.state_layer(asyncio=True, own_loops=True, breaker=BreakerPolicy()),
    workload=workloads.commands(rate_hz=2300, names=COMMANDS),
    seconds=19,
    checks=(
        checks.latency("GET", p50_ms=0.2, p95_ms=0.3, p99_ms=0.5, noise_allowance=2),
        checks.latency("SET", p50_ms=0.2, p95_ms=0.4, p99_ms=0.8, noise_allowance=2),
        checks.latency("PUBLISH", p50_ms=0.3, p95_ms=0.6, p99_ms=1.2, noise_allowance=2),
    ),
)


def test_the_layer_keeps_the_budgets(arbredis: Arbredis) -> None:
    arbredis.run(SYNC).assert_valid()


def test_the_layer_keeps_the_budgets_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(ASYNCIO).assert_valid()
