"""The limiter: what passes at any concurrency, whatever the callers' clocks say, and what a failover forgets.

48 clients ask at once, a third of them with a clock that is ahead by a window, a third behind. Never more than the
limit passes in any window of the server's time, and no key outlives its window. A failover to a replica that lags
forgets the requests that it had not received: then up to twice the limit passes, and no more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies
from pytest_arbredis.load.requests import Bursts
from pytest_arbredis.scenarios.naive import limits as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import API_LIMIT, ORDER_LIMIT
from pytest_arbredis.state.limits.plans import HARDENINGS
from pytest_arbredis.subjects.state.limits import MOST, WINDOW_S, limits

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

CONCURRENCY = Scenario(
    name="state_limits.concurrency",
    promise="At any concurrency and with any clocks never more than the limit passes; keys end with their window.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=limits(),
    workload=Bursts(clients=48, every_ms=200),
    seconds=2.5,
    judged=("take",),
    read_back=False,
    profiles=("release",),
    checks=(
        checks.never_more_than(limit=MOST, window_ms=WINDOW_S * 1000),
        checks.lives_at_most(max_ms=WINDOW_S * 1000 + 2),
    ),
)

NAIVE = hazard_of(
    CONCURRENCY,
    naive.limits(),
    promise="The script as written lets more than the limit through, and keeps its keys a thousand times as long.",
)

FORGETS_MOST, FORGETS_S = 100, 6
"""A window that outlasts a failover, so that what the new primary does not know of is still in it."""

FAILOVER = Scenario(
    name="state_limits.failover",
    kind="hazard",
    promise="A failover that forgets requests lets more than the limit through, and at most twice as much.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=limits(most=FORGETS_MOST, window_s=FORGETS_S),
    workload=Bursts(clients=12, every_ms=100),
    faults=(
        schedule.at(seconds=0.25)
        .replication_cut("replicas")
        .lasting(seconds=2.8)
        .at(seconds=1)
        .crash("primary")
        .at(seconds=3.4)
        .restart("crashed")
    ),
    seconds=4.6,
    judged=("take",),
    exposed_by={"replication_cut": "any"},
    read_back=False,
    profiles=("release",),
    checks=(
        checks.violated(claims=(f"never_more_than(limit={FORGETS_MOST}, window_ms={FORGETS_S * 1000})",)),
        checks.never_more_than(limit=2 * FORGETS_MOST, window_ms=FORGETS_S * 1000),
    ),
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="take one request",
        keys=(API_LIMIT, ORDER_LIMIT),
        event="concurrency",
        may_be={},
        proof=CONCURRENCY,
        naive=naive.limits(),
        hardened=lambda without: limits(_without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    ),
    Claim(
        operation="take one request",
        keys=(API_LIMIT, ORDER_LIMIT),
        event="failover, stock",
        may_be={
            "lost": "requests of the last window that no replica had: up to twice the limit passes",
            "refused": "every request, until a replica is promoted",
        },
        proof=FAILOVER,
    ),
)


def test_never_more_than_the_limit_passes(arbredis: Arbredis) -> None:
    arbredis.run(CONCURRENCY).assert_valid()


def test_the_script_as_written_lets_more_through(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()


def test_a_failover_lets_more_through_and_at_most_twice_the_limit(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()
