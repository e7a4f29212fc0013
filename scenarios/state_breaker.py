"""The circuit breaker of the state layer, in step with real outages, slowness, and replies that are lost.

Five calls in a row without a reply open it; while it is open nothing is sent; after 0.4 s one call at a time finds out,
and the first that is served closes it. Slow calls open it too, and a rate of failures. What a call says when the
breaker has moved on changes nothing, nor does the wall clock. Whoever is told that it is open can rely on nothing
having been sent: an attempt that may have been applied is never told as refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.naive import connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.breaker.breaker import HARDENINGS
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.connections.settings import HARDENINGS as OF_CONNECTIONS

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis
    from pytest_arbredis.subjects.behind_breaker import Guarded
    from pytest_arbredis.subjects.state.register import StateLayer

OPEN_S = 0.4
PROBES = 4
LATE_S = 0.15
"""Of a breaker that opens and probes again and again: each time chance decides whether reads come before a write."""


def _of_outage(without: frozenset[str] = frozenset()) -> StateLayer:
    """The wall clock is set back by an hour when it opens: it must not matter."""
    policy = BreakerPolicy(failures=5, open_s=OPEN_S)
    return subjects.state_layer(within_s=0.2, breaker=policy, wall_step_s=-3600, _without=without)


def _of_slowness(without: frozenset[str] = frozenset()) -> StateLayer:
    policy = BreakerPolicy(
        failures=None, slow_rate=0.5, slow_ms=100, window_s=0.5, minimum_calls=10, open_s=OPEN_S, probes_at_once=PROBES
    )
    return subjects.state_layer(within_s=1.0, breaker=policy, keeps_state=False, _without=without)


def _of_late_words(without: frozenset[str] = frozenset()) -> Guarded:
    """One breaker around two Redis: reads that hang tell of it when writes have closed it."""
    return subjects.guarded(
        "pytest-arbredis", failures=1, timeout_s=LATE_S, socket_timeout_s=LATE_S, probes=6, without=without
    )


def _of_lost_replies(without: frozenset[str] = frozenset()) -> StateLayer:
    policy = BreakerPolicy(failures=None, failure_rate=0.5, window_s=1, minimum_calls=5, open_s=0.2)
    return subjects.state_layer(within_s=1.0, breaker=policy, keeps_state=False, _without=without)


OUTAGE = Scenario(
    name="state_breaker.outage",
    promise="In an outage the breaker opens, nothing is sent while it is open, one probe at a time finds the end.",
    topology=topologies.single(),
    subject=_of_outage(),
    workload=workloads.unique_writes(rate_hz=400, clients=12, read_share=0.4),
    faults=schedule.at(seconds=0.9).blackhole("primary").lasting(seconds=1.6),
    seconds=4,
    judged=("write", "read"),
    profiles=("release",),
    checks=(
        checks.breaker_follows_its_automaton(timeout_s=OPEN_S, probes=1, tolerance_ms=250),
        checks.no_command_while_open(names=("SET", "GET")),
        checks.rejected_calls_were_not_sent(),
        checks.service_resumes(within_s=1.5, after="blackhole"),
    ),
)

SLOW = Scenario(
    name="state_breaker.slow",
    promise="Calls that succeed too slowly (100 ms or longer) open it: four at the most ask in each 0.4 s.",
    topology=topologies.single(),
    subject=_of_slowness(),
    workload=workloads.unique_writes(rate_hz=240, clients=12, read_share=0.4),
    faults=schedule.at(seconds=0.5).latency("primary", ms=150).lasting(seconds=1.2),
    seconds=2.6,
    judged=("write", "read"),
    profiles=("release",),
    checks=(
        checks.breaker_opens_by_traffic(
            during="latency", within_s=0.6, timeout_s=OPEN_S, probes=PROBES, names=("SET", "GET")
        ),
        checks.breaker_follows_its_automaton(timeout_s=OPEN_S, probes=PROBES, tolerance_ms=250),
        checks.rejected_calls_were_not_sent(),
    ),
)

LATE = Scenario(
    name="state_breaker.late",
    promise="What a probe says when another has closed the breaker changes nothing: reads hang, and writes are well.",
    topology=topologies.dual(),
    subject=_of_late_words(),
    workload=workloads.unique_writes(rate_hz=240, clients=12, read_share=0.6),
    faults=(
        schedule.at(seconds=0.4)
        .blackhole("primary")
        .lasting(seconds=0.5)
        .at(seconds=0.5)
        .blackhole("second")
        .lasting(seconds=2.7)
    ),
    seconds=3.9,
    judged=("write", "read"),
    profiles=("release",),
    checks=(checks.breaker_follows_its_automaton(timeout_s=LATE_S, probes=6, tolerance_ms=250),),
)

RETRIED = Scenario(
    name="state_breaker.retried",
    promise="Where every reply is lost, each attempt counts, none is applied twice, none that was sent is refused.",
    topology=topologies.single(),
    subject=_of_lost_replies(),
    workload=workloads.increments(rate_hz=160, clients=8),
    # The layer's connections say nothing before a command, redis-py's do: each way loses all replies of one of them.
    faults=(
        schedule.at(seconds=0.4)
        .limit_data("primary", bytes=2)
        .lasting(seconds=0.7)
        .at(seconds=1.2)
        .limit_data("primary", after_handshake=True)
        .lasting(seconds=0.7)
    ),
    seconds=2.4,
    judged=("increment",),
    profiles=("release",),
    checks=(
        checks.applied_at_most(1),
        checks.rejected_calls_were_not_sent(),
        checks.breaker_follows_its_automaton(timeout_s=0.2, probes=1, tolerance_ms=250),
    ),
)

NAIVE = hazard_of(
    OUTAGE,
    naive.Naive(timeout_s=0.2, failures=5, open_s=OPEN_S),
    promise="A breaker without a limit sends everybody who comes to a Redis that is just waking up.",
)

TOO_SLOW = hazard_of(
    SLOW,
    naive.Naive(timeout_s=1.0, failures=5, open_s=OPEN_S),
    promise="A breaker that counts failures alone sends everybody to a Redis that is too slow for them.",
)

HIDDEN = hazard_of(
    RETRIED,
    naive.Pooled(timeout_s=1.0, failures=5, open_s=0.2),
    promise="Retries around a breaker apply a command again, or call it refused when an attempt of it was applied.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call, with a circuit breaker",
        keys=(),
        event="Redis away",
        may_be={"refused": "while the breaker is open: nothing was sent"},
        proof=OUTAGE,
        naive=NAIVE.subject,
        hardened=_of_outage,
        hardenings=HARDENINGS,
        rests_on=frozenset({"probe-limit", "monotonic-clock"}),
    ),
    Claim(
        operation="any call, with a circuit breaker",
        keys=(),
        event="stall",
        may_be={"refused": "while the breaker is open: nothing was sent"},
        proof=SLOW,
        naive=TOO_SLOW.subject,
        hardened=_of_slowness,
        hardenings=HARDENINGS,
        rests_on=frozenset({"probe-limit"}),
    ),
    Claim(
        operation="any call, with one circuit breaker for two Redis",
        keys=(),
        event="Redis away",
        may_be={"refused": "while the breaker is open, for whichever of them"},
        proof=LATE,
        hardened=_of_late_words,
        hardenings=HARDENINGS - {"probe-limit"},
        rests_on=frozenset({"late-results-ignored"}),
        unjudged={"probe-limit": "chance decides whether seven reads come before a write"},
    ),
    Claim(
        operation="any change, with a circuit breaker",
        keys=(),
        event="reply lost",
        may_be={"refused": "as unknown if it was sent; while the breaker is open: nothing was sent"},
        proof=RETRIED,
        naive=HIDDEN.subject,
        hardened=_of_lost_replies,
        hardenings=OF_CONNECTIONS,
        rests_on=frozenset({"no-blind-repeats"}),
    ),
)


def test_the_breaker_follows_a_real_outage(arbredis: Arbredis) -> None:
    arbredis.run(OUTAGE).assert_valid()


def test_slow_calls_open_the_breaker(arbredis: Arbredis) -> None:
    arbredis.run(SLOW).assert_valid()


def test_late_words_change_nothing(arbredis: Arbredis) -> None:
    arbredis.run(LATE).assert_valid()


def test_what_was_sent_is_never_called_refused(arbredis: Arbredis) -> None:
    arbredis.run(RETRIED).assert_valid()


def test_a_naive_breaker_stampedes(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()


def test_a_refused_retry_hides_what_was_applied(arbredis: Arbredis) -> None:
    arbredis.run(HIDDEN).assert_valid()


def test_a_breaker_that_counts_failures_alone_stays_closed_on_a_slow_link(arbredis: Arbredis) -> None:
    arbredis.run(TOO_SLOW).assert_valid()
