"""Deadlines: no call through the state layer lasts longer than it was given, whatever the network or Sentinels do.

Bytes that trickle in buy no time; a reply that comes too late is nobody else's answer; Sentinels that hang take only
their short time-out each, out of the call's own. And a command whose reply is lost is not sent again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.load.padded import padded
from pytest_arbredis.scenarios.naive import connections as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.connections.settings import HARDENINGS

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

WITHIN_S = 0.3
SLACK_S = 0.2
"""What a call may last beyond its deadline, before it counts as late: two cores that are busy hold up anybody."""

TRICKLE = Scenario(
    name="state_deadlines.trickle",
    promise="A call whose reply trickles in, byte by byte, ends at its deadline of 0.3 s (0.2 s later at most).",
    topology=topologies.single(),
    subject=subjects.state_layer(within_s=WITHIN_S, keeps_state=False),
    workload=padded(workloads.unique_writes(rate_hz=200, clients=8, read_share=0.4), bytes=160),
    faults=schedule.at(seconds=0.5).slice("primary", bytes=1, delay_us=10_000).lasting(seconds=1.8),
    seconds=4,
    judged=("write", "read"),
    profiles=("release",),
    checks=(
        checks.calls_end_in_time(within_ms=WITHIN_S * 1000, slack_ms=SLACK_S * 1000),
        checks.acknowledged_writes_survive(),
    ),
)

STALL = Scenario(
    name="state_deadlines.stall",
    promise="A link that stalls holds no call for longer than 0.3 s (and 0.2 s); no late reply is another's.",
    topology=topologies.single(),
    subject=subjects.state_layer(within_s=WITHIN_S, keeps_state=False),
    workload=workloads.unique_writes(rate_hz=240, clients=8, read_share=0.5),
    faults=(
        schedule.at(seconds=0.5)
        .stall("primary")
        .lasting(seconds=0.8)
        .at(seconds=1.8)
        .latency("primary", ms=500)
        .lasting(seconds=0.8)
    ),
    seconds=4,
    judged=("write", "read"),
    profiles=("release",),
    checks=(
        checks.calls_end_in_time(within_ms=WITHIN_S * 1000, slack_ms=SLACK_S * 1000),
        checks.values_read_were_written(),
        checks.read_your_writes(),
        checks.acknowledged_writes_survive(),
    ),
)

SENTINELS = Scenario(
    name="state_deadlines.sentinels",
    promise="With all Sentinels hanging a call that must find the primary ends at its 0.3 s (0.2 s later at most).",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.state_layer(within_s=WITHIN_S),
    workload=workloads.unique_writes(rate_hz=220, clients=8),
    faults=(schedule.at(seconds=0.9).pause("sentinels").lasting(seconds=2).at(seconds=1.3).client_kill("primary")),
    seconds=5,
    exposed_by={"pause": "any"},
    profiles=("release",),
    checks=(
        checks.calls_end_in_time(within_ms=WITHIN_S * 1000, slack_ms=SLACK_S * 1000),
        checks.service_resumes(within_s=2, after="pause"),
        checks.acknowledged_writes_survive(),
    ),
)

SENTINELS_DEAD = replace(
    SENTINELS,
    name="state_deadlines.sentinels_dead",
    promise="With all Sentinels dead a call that must find the primary ends at its 0.3 s (0.2 s later at most).",
    faults=(
        schedule.at(seconds=0.9)
        .crash("sentinels")
        .at(seconds=1.3)
        .client_kill("primary")
        .at(seconds=2.6)
        .restart("crashed")
    ),
    seconds=4.8,
    exposed_by={"crash": "any"},
    checks=(
        checks.calls_end_in_time(within_ms=WITHIN_S * 1000, slack_ms=SLACK_S * 1000),
        checks.service_resumes(within_s=2, after="restart"),
        checks.acknowledged_writes_survive(),
    ),
)

REPLIES_LOST = Scenario(
    name="state_deadlines.replies_lost",
    promise="A command whose reply is lost is reported as unknown, and never applied twice.",
    topology=topologies.single(),
    subject=subjects.state_layer(within_s=1.0, keeps_state=False),
    workload=workloads.increments(rate_hz=750, clients=3),
    # Every reply has four bytes: one of the two cuts each connection within a reply, whatever its handshake took.
    faults=(
        schedule.at(seconds=0.5)
        .limit_data("primary", bytes=801)
        .lasting(seconds=1)
        .at(seconds=1.8)
        .limit_data("primary", bytes=802)
        .lasting(seconds=1)
    ),
    seconds=3.6,
    judged=("increment",),
    profiles=("release",),
    checks=(checks.applied_at_most(1),),
)

_PROMISE = "Time-outs that begin anew with every read, and retries on top, hold a caller for as long as it takes."
NAIVE_TRICKLE = hazard_of(TRICKLE, naive.plain(timeout_s=WITHIN_S), promise=_PROMISE)
NAIVE_STALL = hazard_of(STALL, naive.plain(timeout_s=WITHIN_S), promise=_PROMISE)
NAIVE_REPLIES_LOST = hazard_of(
    REPLIES_LOST, naive.plain(), promise="Three retries apply a command again when its reply is lost."
)
NAIVE_SENTINELS = hazard_of(
    SENTINELS,
    naive.by_sentinels(),
    promise="A Sentinel that hangs has a time-out and retries of its own, and whoever asks it waits for as long.",
)


def _claim(proof: Scenario, operation: str, event: str, may_be: dict[str, str], *rests_on: str) -> Claim:
    subject = proof.subject
    return Claim(
        operation=operation,
        keys=(),
        event=event,  # type: ignore[arg-type]
        may_be=may_be,  # type: ignore[arg-type]
        proof=proof,
        naive=naive.plain(timeout_s=WITHIN_S if proof is not REPLIES_LOST else 5.0),
        hardened=lambda without: subjects.state_layer(
            within_s=subject.within_s,  # type: ignore[attr-defined]
            keeps_state=subject.keeps_state,  # type: ignore[attr-defined]
            _without=without,
        ),
        hardenings=HARDENINGS,
        rests_on=frozenset(rests_on),
    )


CLAIMS: tuple[Claim, ...] = (
    _claim(TRICKLE, "any call", "stall", {"refused": "at its deadline, 0.2 s later at most"}, "total-deadline"),
    _claim(STALL, "any call", "stall", {"refused": "at its deadline, 0.2 s later at most"}, "fresh-connections"),
    Claim(
        operation="any call that must find the primary",
        keys=(),
        event="Redis away",
        may_be={"refused": "at its deadline, 0.2 s later at most"},
        proof=SENTINELS,
        naive=naive.by_sentinels(),
        hardened=lambda without: subjects.state_layer(within_s=WITHIN_S, _without=without),
        hardenings=HARDENINGS - {"primary-again"},
        unjudged={"primary-again": "without it nobody asks the Sentinels"},
        rests_on=frozenset({"total-deadline"}),
    ),
    Claim(
        operation="any call that must find the primary, with all Sentinels dead",
        keys=(),
        event="Redis away",
        may_be={"refused": "at its deadline, 0.2 s later at most"},
        proof=SENTINELS_DEAD,
    ),
    _claim(REPLIES_LOST, "any change", "reply lost", {"refused": "as unknown"}, "no-blind-repeats"),
)


def test_bytes_that_trickle_in_buy_no_time(arbredis: Arbredis) -> None:
    arbredis.run(TRICKLE).assert_valid()


def test_a_stall_holds_nobody_and_mixes_no_replies(arbredis: Arbredis) -> None:
    arbredis.run(STALL).assert_valid()


def test_hanging_sentinels_hold_nobody(arbredis: Arbredis) -> None:
    arbredis.run(SENTINELS).assert_valid()


def test_a_command_whose_reply_is_lost_is_not_sent_again(arbredis: Arbredis) -> None:
    arbredis.run(REPLIES_LOST).assert_valid()


def test_naive_time_outs_add_up(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE_TRICKLE).assert_valid()


def test_naive_retries_outlast_a_stall(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE_STALL).assert_valid()


def test_naive_retries_apply_again(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE_REPLIES_LOST).assert_valid()


def test_naive_retries_wait_for_every_sentinel(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE_SENTINELS).assert_valid()


def test_dead_sentinels_hold_nobody(arbredis: Arbredis) -> None:
    arbredis.run(SENTINELS_DEAD).assert_valid()
