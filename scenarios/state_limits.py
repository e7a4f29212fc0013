"""The limiter: what passes at any concurrency, what a failover forgets, and what it says while Redis is away.

48 clients ask at once, a third of them with a clock that is ahead by a window, a third behind. Never more than the
limit passes in any window of the server's time, and no key outlives its window. A failover to a replica that lags
forgets the requests that it had not received: then up to twice the limit passes, and no more. While Redis is away
orders are refused and API requests pass, and whoever asks is told in time that it was not Redis who decided.
"""

from __future__ import annotations

from dataclasses import replace
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

AWAY_WITHIN_S = 0.5
"""What a caller gives the limiter for its answer."""

AWAY = Scenario(
    name="state_limits.away",
    promise="While Redis is away each request is answered within 0.5 s (and 1 s for the machine): no order passes, API "
    "requests do, and both are told that Redis did not count them.",
    topology=CONCURRENCY.topology,
    subject=limits(within_s=AWAY_WITHIN_S),
    workload=Bursts(clients=36, every_ms=200, names=("take", "call")),
    faults=schedule.at(seconds=0.7).blackhole("primary").lasting(seconds=1),
    seconds=2.8,
    judged=("take", "call"),
    read_back=False,
    profiles=("release",),
    checks=(
        checks.absence_is_told(closed=("take",), open=("call",)),
        checks.calls_end_in_time(within_ms=AWAY_WITHIN_S * 1000, slack_ms=1000, names=("take", "call")),
        checks.never_more_than(limit=MOST, window_ms=WINDOW_S * 1000, names=("take",)),
    ),
)

SAYS_NOTHING = hazard_of(
    AWAY,
    naive.limits(),
    promise="The script as written has no word for it: whoever asks while Redis is away waits, and gets an error.",
)

CONFIRMED = replace(
    FAILOVER,
    name="state_limits.confirmed",
    kind="guarantee",
    promise="With wait_replicas=2 a failover to replicas that lag lets no more than the limit through.",
    subject=limits(most=FORGETS_MOST, window_s=FORGETS_S, wait_replicas=2),
    exposed_by={"replication_cut": "any", "crash": "any"},
    checks=(checks.never_more_than(limit=FORGETS_MOST, window_ms=FORGETS_S * 1000),),
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
        rests_on=frozenset({"unique-members", "server-time", "ttl-in-ms"}),
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
    Claim(
        operation="take one order",
        keys=(ORDER_LIMIT,),
        event="Redis away",
        may_be={"refused": "every order: the limit is closed, and says so"},
        proof=AWAY,
        naive=naive.limits(),
        hardened=lambda without: limits(within_s=AWAY_WITHIN_S, _without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"policy-when-away", "unique-members", "server-time"}),
    ),
    Claim(
        operation="take one API request",
        keys=(API_LIMIT,),
        event="Redis away",
        may_be={"lost": "requests are not counted: the limit is open, and says so"},
        proof=AWAY,
        naive=naive.limits(),
    ),
    Claim(
        operation="take one request that waits for all replicas",
        keys=(API_LIMIT, ORDER_LIMIT),
        event="failover, WAIT by all",
        may_be={"refused": "every order while a replica is away, which may be counted; API requests pass"},
        proof=CONFIRMED,
    ),
)


def test_never_more_than_the_limit_passes(arbredis: Arbredis) -> None:
    arbredis.run(CONCURRENCY).assert_valid()


def test_the_script_as_written_lets_more_through(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()


def test_while_redis_is_away_the_limits_say_what_they_do(arbredis: Arbredis) -> None:
    arbredis.run(AWAY).assert_valid()


def test_the_script_as_written_has_no_word_for_it(arbredis: Arbredis) -> None:
    arbredis.run(SAYS_NOTHING).assert_valid()


def test_a_failover_lets_more_through_and_at_most_twice_the_limit(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_confirmed_requests_are_not_forgotten(arbredis: Arbredis) -> None:
    arbredis.run(CONFIRMED).assert_valid()
