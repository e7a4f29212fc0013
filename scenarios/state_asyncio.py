"""The layer in asyncio: what is promised to threads holds for tasks that share one event loop and one pool.

Deadlines, replies, breaker, failover, sessions, queue, positions, manager and locks: the scenarios are those of the
threads, shorter. And what only tasks can do: a call that its caller cancels, at any moment, leaves no reply that
another reads, and takes no connection away.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import checks, schedule, workloads
from pytest_arbredis.load.apart import ends_in_reads
from pytest_arbredis.scenarios import (
    state_breaker,
    state_deadlines,
    state_failover,
    state_locks,
    state_manager,
    state_positions,
    state_queue,
    state_sessions,
)
from pytest_arbredis.scenarios.naive import asyncio_connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.connections.settings import HARDENINGS
from pytest_arbredis.subjects.state.locks import locks
from pytest_arbredis.subjects.state.manager import managers
from pytest_arbredis.subjects.state.positions import positions
from pytest_arbredis.subjects.state.sessions import sessions
from pytest_arbredis.subjects.state.tasks import tasks

if TYPE_CHECKING:
    from pytest_arbredis import Scenario
    from pytest_arbredis.load.protocol import Subject
    from pytest_arbredis.session import Arbredis

WITHIN_S = state_deadlines.WITHIN_S
SLACK_S = 0.4
"""What a call may last beyond its deadline where all clients wait for one connection, and for one another's cores."""

CANCELLED_SHARE = 0.3


def _layer(of: Scenario, **other: object) -> Subject:
    """The connections of another scenario, in asyncio."""
    return replace(of.subject, asyncio=True, **other)  # type: ignore[type-var]


CANCELLED = replace(
    state_deadlines.STALL,
    name="state_deadlines.cancelled",
    promise="A cancelled call leaves nobody its reply, and others its connection; those end at 0.3 s (and 0.4 s).",
    # One connection: whoever took it away, or left a reply in it, would have done so to everybody.
    subject=_layer(state_deadlines.STALL, max_connections=1, cancelled=CANCELLED_SHARE),
    faults=(
        schedule.at(seconds=0.4)
        .stall("primary")
        .lasting(seconds=0.4)
        .at(seconds=1.3)
        .stall("primary")
        .lasting(seconds=0.4)
    ),
    seconds=2.8,
    checks=(
        checks.calls_end_in_time(within_ms=WITHIN_S * 1000, slack_ms=SLACK_S * 1000),
        checks.values_read_were_written(),
        checks.read_your_writes(),
        checks.acknowledged_writes_survive(),
        checks.unavailable_at_most(longest_ms=1000),
    ),
)

TRICKLE = replace(
    state_deadlines.TRICKLE,
    name="state_deadlines.trickle_asyncio",
    promise=f"In asyncio: {state_deadlines.TRICKLE.promise}",
    subject=_layer(state_deadlines.TRICKLE),
    faults=schedule.at(seconds=0.3).slice("primary", bytes=1, delay_us=10_000).lasting(seconds=1),
    seconds=2.6,
)

REPLIES_LOST = replace(
    state_deadlines.REPLIES_LOST,
    name="state_deadlines.replies_lost_asyncio",
    promise=f"In asyncio: {state_deadlines.REPLIES_LOST.promise}",
    subject=_layer(state_deadlines.REPLIES_LOST),
    faults=(
        schedule.at(seconds=0.3)
        .limit_data("primary", bytes=401)
        .lasting(seconds=0.7)
        .at(seconds=1.2)
        .limit_data("primary", bytes=402)
        .lasting(seconds=0.7)
    ),
    seconds=2.9,
)

OUTAGE = replace(
    state_breaker.OUTAGE,
    name="state_breaker.outage_asyncio",
    promise=f"In asyncio: {state_breaker.OUTAGE.promise}",
    subject=_layer(state_breaker.OUTAGE),
    faults=schedule.at(seconds=0.9).blackhole("primary").lasting(seconds=1),
    seconds=3.7,
)

FAILOVER = replace(
    state_failover.CRASH,
    name="state_failover.crash_asyncio",
    promise=f"In asyncio: {state_failover.CRASH.promise}",
    subject=_layer(state_failover.CRASH),
    faults=schedule.at(seconds=0.8).crash("primary").at(seconds=4.1).restart("crashed"),
    seconds=4.9,
)

SESSIONS = replace(
    state_sessions.CRASH,
    name="state_sessions.crash_asyncio",
    promise=f"In asyncio: {state_sessions.CRASH.promise}",
    subject=sessions(asyncio=True),
    faults=schedule.at(seconds=0.5).crash("primary").at(seconds=0.8).restart("crashed"),
    seconds=2.2,
)

QUEUE = replace(
    state_queue.DONE,
    name="state_queue.done_asyncio",
    promise=f"In asyncio: {state_queue.DONE.promise}",
    subject=tasks(asyncio=True),
    faults=(
        schedule.at(seconds=0.4)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=0.9)
        .crash("primary")
        .at(seconds=1.2)
        .restart("crashed")
    ),
    seconds=3,
)

POSITIONS = replace(
    state_positions.CRASH,
    name="state_positions.crash_asyncio",
    promise=f"In asyncio: {state_positions.CRASH.promise}",
    subject=positions(asyncio=True),
    faults=(
        schedule.at(seconds=0.3)
        .latency("primary", ms=20)
        .lasting(seconds=0.6)
        .at(seconds=1.1)
        .crash("primary")
        .at(seconds=1.4)
        .restart("crashed")
    ),
    seconds=2.7,
)

MANAGER = replace(
    state_manager.AWAY,
    name="state_manager.away_asyncio",
    promise=f"In asyncio: {state_manager.AWAY.promise}",
    subject=managers("stat", asyncio=True),
    workload=ends_in_reads(
        workloads.on_objects("counter", rate_hz=120, clients=4, keys=4, change_share=1),
        writes_until_s=1.9,
        reads_from_s=2.3,
    ),
    faults=(
        schedule.at(seconds=0.3)
        .down("primary")
        .lasting(seconds=0.5)
        .at(seconds=1.1)
        .crash("primary")
        .at(seconds=1.4)
        .restart("crashed")
    ),
    seconds=2.8,
)

LOCKS = replace(
    state_locks.LATE,
    name="state_locks.late_holders_asyncio",
    promise=f"In asyncio: {state_locks.LATE.promise}",
    subject=locks(asyncio=True),
    seconds=2.4,
)

CANCELLED_NAIVE = hazard_of(
    CANCELLED,
    naive.GivenBack(connections=1, cancelled=CANCELLED_SHARE, timeout_s=WITHIN_S),
    promise="What goes back to the pool also when it was cancelled has a reply in it that the next one reads.",
)


TRICKLE_NAIVE = hazard_of(
    TRICKLE, naive.plain(timeout_s=WITHIN_S), promise=f"In asyncio: {state_deadlines.NAIVE_TRICKLE.promise}"
)
REPLIES_LOST_NAIVE = hazard_of(
    REPLIES_LOST, naive.plain(), promise=f"In asyncio: {state_deadlines.NAIVE_REPLIES_LOST.promise}"
)
FAILOVER_NAIVE = hazard_of(FAILOVER, naive.plain(timeout_s=0.5), promise=f"In asyncio: {state_failover.NAIVE.promise}")


def _claim(
    proof: Scenario,
    of: tuple[Claim, ...],
    *,
    like: Scenario,
    naive: Subject | None = None,
    ablated: bool = False,
) -> tuple[Claim, ...]:
    """The claims that `like` proves for threads, proven by this one in asyncio; `ablated`: by the same hardenings."""
    return tuple(
        replace(
            claim,
            operation=f"{claim.operation}, in asyncio",
            proof=proof,
            naive=naive,
            hardened=(lambda without: replace(proof.subject, without=without)) if ablated else None,  # type: ignore[type-var]
            hardenings=claim.hardenings if ablated else frozenset(),
            rests_on=claim.rests_on if ablated else frozenset(),
        )
        for claim in of
        if claim.proof is like
    )


CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="any call that its caller may cancel, in asyncio",
        keys=(),
        event="stall",
        may_be={"refused": "when it is cancelled (it may have been applied); at its deadline, 0.4 s later at most"},
        proof=CANCELLED,
        naive=CANCELLED_NAIVE.subject,
        hardened=lambda without: replace(CANCELLED.subject, without=without),  # type: ignore[type-var]
        hardenings=HARDENINGS,
        rests_on=frozenset({"fresh-connections"}),
    ),
    *_claim(
        TRICKLE,
        state_deadlines.CLAIMS,
        like=state_deadlines.TRICKLE,
        naive=TRICKLE_NAIVE.subject,
        ablated=True,
    ),
    *_claim(
        REPLIES_LOST,
        state_deadlines.CLAIMS,
        like=state_deadlines.REPLIES_LOST,
        naive=REPLIES_LOST_NAIVE.subject,
        ablated=True,
    ),
    *_claim(
        FAILOVER,
        state_failover.CLAIMS,
        like=state_failover.CRASH,
        naive=FAILOVER_NAIVE.subject,
        ablated=True,
    ),
    *_claim(
        OUTAGE,
        state_breaker.CLAIMS,
        like=state_breaker.OUTAGE,
        ablated=True,
    ),
    *_claim(SESSIONS, state_sessions.CLAIMS, like=state_sessions.CRASH),
    *_claim(QUEUE, state_queue.CLAIMS, like=state_queue.DONE),
    *_claim(POSITIONS, state_positions.CLAIMS, like=state_positions.CRASH),
    *_claim(MANAGER, state_manager.CLAIMS, like=state_manager.AWAY),
    *_claim(LOCKS, state_locks.CLAIMS, like=state_locks.LATE),
)


def test_a_cancelled_call_leaves_nothing_to_others(arbredis: Arbredis) -> None:
    arbredis.run(CANCELLED).assert_valid()


def test_bytes_that_trickle_in_buy_no_time_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(TRICKLE).assert_valid()


def test_a_command_whose_reply_is_lost_is_not_sent_again_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(REPLIES_LOST).assert_valid()


def test_the_breaker_follows_a_real_outage_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(OUTAGE).assert_valid()


def test_a_crash_of_the_primary_is_over_within_3_seconds_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER).assert_valid()


def test_a_save_is_all_or_nothing_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(SESSIONS).assert_valid()


def test_tasks_survive_their_consumers_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(QUEUE).assert_valid()


def test_no_change_of_a_position_is_lost_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(POSITIONS).assert_valid()


def test_additions_are_counted_once_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(MANAGER).assert_valid()


def test_a_lock_has_one_holder_at_a_time_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(LOCKS).assert_valid()


def test_a_pool_that_takes_everything_back_mixes_replies(arbredis: Arbredis) -> None:
    arbredis.run(CANCELLED_NAIVE).assert_valid()


def test_naive_time_outs_add_up_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(TRICKLE_NAIVE).assert_valid()


def test_naive_retries_apply_again_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(REPLIES_LOST_NAIVE).assert_valid()


def test_a_naive_client_stays_with_the_crashed_primary_in_asyncio(arbredis: Arbredis) -> None:
    arbredis.run(FAILOVER_NAIVE).assert_valid()
