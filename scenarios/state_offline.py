"""Operations that wait while Redis is away: sent when it is back within their time, or never.

Redis is away for 1.6 s, and a write may wait for 300 ms. No write takes effect more than 600 ms after its call: what
was decided on an old price is not sent to the market of now. What waited for less is sent, before anything new. At most
3 writes of a client wait at a time: more are refused at once, and are never seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.scenarios.naive import offline as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.keyspace.patterns import PHYSICS, SNAPSHOT
from pytest_arbredis.state.offline.policy import HARDENINGS
from pytest_arbredis.subjects.state.offline import MOST, waiting_writes

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

IN_TIME = Scenario(
    name="state_offline.in_time",
    promise="At most 3 writes of a client wait while Redis is away; each takes effect within 600 ms, or never.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=waiting_writes(),
    workload=workloads.on_objects("register", rate_hz=900, clients=16, keys=24, change_share=0.25),
    faults=schedule.at(seconds=0.8).down("primary").lasting(seconds=1.6),
    seconds=3.4,
    judged=("write", "read"),
    checks=(
        checks.no_late_effects(ms=600),
        checks.wait_at_most(most=MOST),
        checks.values_read_were_written(),
        checks.recovers_within(seconds=2.2, after="down", share=0.8),
    ),
    read_back=False,
    profiles=("release",),
)

REPLAYED = hazard_of(
    IN_TIME,
    naive.waiting_writes(),
    promise="A queue without expiry or bound takes all there is, and sends orders however old they are by then.",
)

CLAIMS: tuple[Claim, ...] = (
    Claim(
        operation="a write through the offline queue",
        keys=(PHYSICS, SNAPSHOT),
        event="Redis away",
        may_be={
            "lost": "where Redis is away for longer than it is valid: it is told",
            "delayed": "for as long as it is valid",
            "refused": "if as many wait as may",
        },
        proof=IN_TIME,
        naive=naive.waiting_writes(),
        hardened=lambda without: waiting_writes(_without=without),
        hardenings=HARDENINGS,
        rests_on=HARDENINGS,
    ),
)


def test_what_waited_takes_effect_in_time_or_never(arbredis: Arbredis) -> None:
    arbredis.run(IN_TIME).assert_valid()


def test_a_queue_without_expiry_replays_old_orders(arbredis: Arbredis) -> None:
    arbredis.run(REPLAYED).assert_valid()
