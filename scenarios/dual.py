"""Two Redis, one of them allowed to fail: what needs only the other goes on.

Writes go to the application's Redis, reads to the queue's, each by a pool and a circuit breaker of its own. First the
one freezes, then the other crashes; each kind of call is away only while its own Redis is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.scenarios.naive import connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.breaker.breaker import HARDENINGS
from pytest_arbredis.state.breaker.policy import BreakerPolicy

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis
    from pytest_arbredis.subjects.state.register import StateLayer


def _subject(without: frozenset[str] = frozenset()) -> StateLayer:
    return subjects.state_layer(within_s=0.15, breaker=BreakerPolicy(failures=3, open_s=0.3), _without=without)


ONE_AWAY = Scenario(
    name="dual.one_away",
    promise="While one of two Redis is away, calls to the other go on (without 0.3 s at the most), and its own are "
    "back 0.75 s after it.",
    topology=topologies.dual(),
    subject=_subject(),
    workload=workloads.unique_writes(rate_hz=240, clients=8, read_share=0.5),
    faults=(
        schedule.at(seconds=0.5)
        .pause("second")
        .lasting(seconds=1.6)
        .at(seconds=2.8)
        .crash("primary")
        .at(seconds=3.8)
        .restart("primary")
    ),
    seconds=5.2,
    judged=("write", "read"),
    read_back=False,
    profiles=("release",),
    checks=(
        checks.unavailable_at_most(longest_ms=300, names=("write",), during="pause"),
        checks.unavailable_at_most(longest_ms=300, names=("read",), during="crash"),
        checks.unavailable_at_most(longest_ms=1600 + 750, names=("read",)),
        checks.unavailable_at_most(longest_ms=1000 + 750, names=("write",)),
    ),
)

NAIVE = hazard_of(
    ONE_AWAY,
    naive.Naive(timeout_s=5.0),
    promise="With a socket time-out of 5 s callers of the frozen Redis are missing at the other one too.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call that needs one of two Redis",
        keys=(),
        event="Redis away",
        may_be={"refused": "while its own Redis is away, and until its breaker probes"},
        proof=ONE_AWAY,
        naive=NAIVE.subject,
        hardened=_subject,
        hardenings=HARDENINGS | {"own-breaker"},
        rests_on=frozenset({"own-breaker"}),
    ),
)


def test_what_needs_only_the_other_redis_goes_on(arbredis: Arbredis) -> None:
    arbredis.run(ONE_AWAY).assert_valid()


def test_naive_callers_of_the_frozen_one_are_missing_at_the_other(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()
