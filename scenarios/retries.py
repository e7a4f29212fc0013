"""Retries: a hazard of redis-py, which depends on how its client is constructed.

The reply of every command is lost for a while, after the server has applied it. `redis.Redis(...)` repeats the command
and has it applied again each time: an order sent with it is sent up to eleven times. A client from a URL or an explicit
pool does not repeat it: it reports an error for what was applied. Neither can tell its caller what happened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

REPLIES_LOST = schedule.at(seconds=0.5).limit_data("primary", after_handshake=True).lasting(seconds=0.8)

REDIS = Scenario(
    name="retries.redis",
    kind="hazard",
    promise="redis.Redis(...) applies a command again, up to 11 times, when its reply is lost.",
    topology=topologies.single(),
    subject=subjects.direct(),
    workload=workloads.increments(rate_hz=40, clients=8),
    faults=schedule.at(seconds=0.5).limit_data("primary", after_handshake=True).lasting(seconds=2.4),
    seconds=4.2,
    judged=("increment",),
    checks=(checks.commands_are_repeated(),),
)

FROM_URL = Scenario(
    name="retries.from_url",
    kind="hazard",
    promise="redis.from_url(...) reports an error for a command that was applied.",
    topology=topologies.single(),
    subject=subjects.from_url(),
    workload=REDIS.workload,
    faults=REPLIES_LOST,
    seconds=1.9,
    judged=("increment",),
    checks=(checks.unacknowledged_but_applied(),),
)

POOL = Scenario(
    name="retries.pool",
    kind="hazard",
    promise="A client with an explicit ConnectionPool reports an error for a command that was applied.",
    topology=topologies.single(),
    subject=subjects.pool(),
    workload=REDIS.workload,
    faults=REPLIES_LOST,
    seconds=1.9,
    judged=("increment",),
    checks=(checks.unacknowledged_but_applied(),),
)


def test_redis_applies_a_command_again_when_its_reply_is_lost(arbredis: Arbredis) -> None:
    arbredis.run(REDIS).assert_valid()


def test_from_url_reports_an_error_for_what_was_applied(arbredis: Arbredis) -> None:
    arbredis.run(FROM_URL).assert_valid()


def test_a_pool_reports_an_error_for_what_was_applied(arbredis: Arbredis) -> None:
    arbredis.run(POOL).assert_valid()
