"""Times to live: they hold through lost replies, a failover and a restart.

Whatever the layer writes with a time to live has it from its first moment, on every server that it comes to. No key is
ever found without one, and none lives longer than it was given, counted from its write: not by a promoted replica, and
not by a primary that read its files again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies
from pytest_arbredis.load.lifetimes import lifetimes
from pytest_arbredis.scenarios.naive import ttls as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.subjects.state.lifetimes import PATTERNS, mortals

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

LATER_MS = 100
"""By how much a clock of the servers may be set back while this lasts."""

HOLD = Scenario(
    name="state_ttls.hold",
    promise="No key lives more than 0.1 s longer than it was given, or for ever: whatever is lost, fails, or restarts.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=mortals(),
    workload=lifetimes(tuple(PATTERNS), rate_hz=320, clients=8, writes_until_s=3.5),
    faults=(
        schedule.at(seconds=0.2)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=0.5)
        .limit_data("primary")
        .lasting(seconds=0.2)
        .at(seconds=0.9)
        .crash("primary")
        .at(seconds=1)  # before it is taken for down: it is the primary still, by its own files
        .restart("crashed")
        .at(seconds=2.2)  # replicas look for their primary once a second
        .crash("primary")
        .at(seconds=4.4)
        .restart("crashed")
    ),
    seconds=5.2,
    judged=("write", *PATTERNS),
    exposed_by={"crash": "after"},  # the first one is over at once; what is found then is judged
    read_back=False,
    profiles=("release",),
    checks=tuple(
        checks.lives_at_most(max_ms=1000 * pattern.ttl_s + LATER_MS, names=(kind,))
        for kind, pattern in PATTERNS.items()
        if pattern.ttl_s is not None
    ),
)

NAIVE = hazard_of(
    HOLD,
    naive.mortals(),
    promise="A write and its EXPIRE are two commands: where the first one's reply is lost, the key never ends.",
)

KEYS = tuple(PATTERNS.values())

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="the end of what has a time to live",
        keys=KEYS,
        event="failover, stock",
        may_be={},
        proof=HOLD,
    ),
    Claim(
        operation="the end of what has a time to live",
        keys=KEYS,
        event="crash, AOF everysec",
        may_be={},
        proof=HOLD,
    ),
    Claim(
        operation="the end of what has a time to live",
        keys=KEYS,
        event="reply lost",
        may_be={},
        proof=HOLD,
        naive=naive.mortals(),
    ),
)


def test_times_to_live_hold(arbredis: Arbredis) -> None:
    arbredis.run(HOLD).assert_valid()


def test_an_expire_of_its_own_is_lost(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()
