"""Latency budgets: what one command may cost on localhost, past the proxies.

GET P50/P95/P99 0.1/0.3/0.5 ms, SET 0.2/0.4/0.8 ms, PUBLISH 0.3/0.6/1.2 ms, from the intended start of each operation
to its reply. Held only if the upper end of the interval is within the budget; broken only if the machine's own noise
floor is within and the lower end is beyond the budget by more than two such floors; else inconclusive. The quick drill
measures for 10 seconds, the release for 25: its intervals are narrower, and more rounds may be left out as noisy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

COMMANDS = ("GET", "SET", "PUBLISH")
BUDGETS = (
    checks.latency("GET", p50_ms=0.1, p95_ms=0.3, p99_ms=0.5, noise_allowance=2),
    checks.latency("SET", p50_ms=0.2, p95_ms=0.4, p99_ms=0.8, noise_allowance=2),
    checks.latency("PUBLISH", p50_ms=0.3, p95_ms=0.6, p99_ms=1.2, noise_allowance=2),
)

LOCALHOST = Scenario(
    name="latency_budgets.localhost",
    promise="GET P99 < 0.5 ms, SET P99 < 0.8 ms, PUBLISH P99 < 1.2 ms on localhost, without a proxy.",
    topology=topologies.single(),
    subject=subjects.direct(),
    workload=workloads.commands(rate_hz=3600, names=COMMANDS),
    seconds=10.2,
    judged=COMMANDS,
    path="direct",
    read_back=False,
    checks=BUDGETS,
    profiles=("quick",),
)

LONGER = Scenario(
    name="latency_budgets.longer",
    promise="GET P99 < 0.5 ms, SET P99 < 0.8 ms, PUBLISH P99 < 1.2 ms on localhost, measured for longer.",
    topology=topologies.single(),
    subject=subjects.direct(),
    workload=workloads.commands(rate_hz=3600, names=COMMANDS),
    seconds=25,
    judged=COMMANDS,
    path="direct",
    read_back=False,
    checks=BUDGETS,
    profiles=("release",),
)


def test_commands_keep_their_latency_budgets(arbredis: Arbredis) -> None:
    arbredis.run(LOCALHOST).assert_valid()


def test_commands_keep_their_latency_budgets_for_longer(arbredis: Arbredis) -> None:
    arbredis.run(LONGER).assert_valid()
