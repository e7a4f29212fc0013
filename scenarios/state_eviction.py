"""Eviction: what a server has evicted is never said to be absent, and nothing is kept where it may be evicted.

Under an `allkeys` policy a full server removes states of the engine that "persist until overwritten", and tells nobody.
The hardened store refuses to write there, and where it finds nothing it says that it may have been evicted, also after
the policy was mended. So it is with sessions; and a limiter lets nothing pass in a window that may have been evicted,
until a whole window without evictions is over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.load.requests import Beside
from pytest_arbredis.scenarios.naive import engine as naive
from pytest_arbredis.scenarios.naive import limits as naive_limits
from pytest_arbredis.scenarios.naive import sessions as naive_sessions
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.engine.store import HARDENINGS
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import API_LIMIT, ORDER_LIMIT, PHYSICS, SESSION
from pytest_arbredis.state.limits.plans import HARDENINGS as OF_LIMITS
from pytest_arbredis.state.sessions.plans import HARDENINGS as OF_SESSIONS
from pytest_arbredis.subjects.state.connecting import lacking
from pytest_arbredis.subjects.state.engine import physics
from pytest_arbredis.subjects.state.limits import limits
from pytest_arbredis.subjects.state.sessions import sessions
from pytest_arbredis.subjects.state.together import Together

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

SAID = Scenario(
    name="state_eviction.said",
    promise="A physics state that was acknowledged is never said to be absent: evicted ones are an error.",
    topology=topologies.single(),  # filling a server that writes it all down takes seconds on a slow disk
    subject=physics(),
    workload=workloads.unique_writes(rate_hz=400, clients=4, read_share=0.5),
    faults=schedule.at(seconds=0.5).eviction("primary", policy="allkeys-random", headroom_mb=2).lasting(seconds=0.6),
    seconds=2.8,
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

LIMIT_MOST, LIMIT_WINDOW_S = 4, 1.2
"""More is asked of each account in each window, and a window lasts longer than an eviction."""


def kept(without: Without = NONE) -> Together:
    """Sessions and limits of the state layer on one server."""
    limiter = limits(most=LIMIT_MOST, window_s=LIMIT_WINDOW_S, _without=without & OF_LIMITS)
    store = sessions(_without=without & OF_SESSIONS)
    return Together(name=f"state layer, sessions and limits{lacking(without)}", parts=(store, limiter))


KEPT = Scenario(
    name="state_eviction.sessions_and_limits",
    promise="No acknowledged session is said to be absent, and no evicted window lets more than its limit pass.",
    topology=SAID.topology,
    subject=kept(),
    workload=Beside(workload=workloads.unique_writes(rate_hz=240, clients=4, read_share=0.5), accounts=8, every_ms=160),
    faults=schedule.at(seconds=0.5).eviction("primary", policy="allkeys-random", headroom_mb=2).lasting(seconds=0.4),
    seconds=2.8,
    judged=("write", "read"),
    exposed_by={"eviction": "any"},
    checks=(
        checks.never_more_than(limit=LIMIT_MOST, window_ms=LIMIT_WINDOW_S * 1000),
        checks.key_is_never_evicted(),
    ),
    read_back=False,
    profiles=("release",),
)

_NAIVE_KEPT = Together(
    name="sessions and limits as designed",
    parts=(naive_sessions.sessions(), naive_limits.limits(most=LIMIT_MOST, window_s=LIMIT_WINDOW_S)),
)

FORGOTTEN = hazard_of(
    KEPT,
    _NAIVE_KEPT,
    promise="allkeys eviction takes windows, so that more than the limit passes, and sessions, which nobody misses.",
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
    Claim(
        operation="a save or a load of a session",
        keys=(SESSION,),
        event="eviction",
        may_be={"lost": "what the server evicts; a load says so", "refused": "while the policy is allkeys"},
        proof=KEPT,
        naive=_NAIVE_KEPT,
        hardened=kept,
        hardenings=OF_LIMITS | OF_SESSIONS,
        rests_on=frozenset({"eviction-guard"}),
    ),
    Claim(
        operation="take one request",
        keys=(API_LIMIT, ORDER_LIMIT),
        event="eviction",
        may_be={"refused": "where the window may have been evicted, until one without evictions is over"},
        proof=KEPT,
        naive=_NAIVE_KEPT,
    ),
)


def test_evicted_state_is_never_said_to_be_absent(arbredis: Arbredis) -> None:
    arbredis.run(SAID).assert_valid()


def test_eviction_takes_state_silently(arbredis: Arbredis) -> None:
    arbredis.run(SILENT).assert_valid()


def test_evicted_sessions_and_windows_are_not_taken_for_absent(arbredis: Arbredis) -> None:
    arbredis.run(KEPT).assert_valid()


def test_eviction_takes_sessions_and_windows_silently(arbredis: Arbredis) -> None:
    arbredis.run(FORGOTTEN).assert_valid()
