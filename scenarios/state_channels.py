"""Channels: a subscriber learns of every message that it missed, also when nothing follows.

Connections are reset, then the primary is failed over. Whatever was published with success meanwhile is received, or
the subscriber is told within a second that it is missing, so that it reads the state instead. Redis keeps no message
for anybody: that one is missed cannot be helped, that nobody knows can.

Environments that share a Redis have channels of the same names, and none hears another's: a database of its own would
not help, as publish and subscribe knows none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis.load.last_messages import LastMessages
from pytest_arbredis.scenarios.naive import channels as naive
from pytest_arbredis.scenarios.promises import Claim, hazard_of
from pytest_arbredis.state.channels.plans import HARDENINGS
from pytest_arbredis.state.keyspace.patterns import SEQUENCE
from pytest_arbredis.subjects.state.messages import environments, messages

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

TOLD = Scenario(
    name="state_channels.told",
    promise="A subscriber is told of every message that it missed, within 1 s, also when nothing follows.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=messages(),
    # A subscriber that looks at 0.8 and 1.6 s misses what is published behind the resets, and then nothing follows.
    workload=LastMessages(clients=6, receive_ms=800, silent_from_s=(1.4,), silent_s=1.6),
    faults=schedule.at(seconds=0.9).reset("primary").lasting(seconds=0.2).at(seconds=1.2).failover(),
    seconds=5.2,
    judged=("publish",),
    exposed_by={"failover": "after"},
    read_back=False,
    profiles=("release",),
    checks=(checks.gaps_are_told(within_ms=1000),),
)

NAIVE = hazard_of(
    TOLD, naive.messages(), promise="SUBSCRIBE comes back by itself, and says nothing of what was missed meanwhile."
)

APART = Scenario(
    name="state_channels.apart",
    promise="Four environments on one Redis publish on channels of the same names, and none hears another's messages.",
    topology=topologies.single(conf={"appendonly": "yes", "appendfsync": "always"}),
    subject=environments(),
    workload=workloads.on_objects("register", rate_hz=120, clients=4, keys=8, change_share=0.5),
    seconds=1.2,
    judged=("write", "read"),
    checks=(checks.values_read_were_written(),),
    read_back=False,
    profiles=("release",),
)

HEARD = hazard_of(
    APART,
    naive.environments(),
    promise="Publish and subscribe ignores the number of the database: one environment hears another's messages.",
)

CLAIMS: tuple[Claim, ...] = (
    *(
        Claim(
            operation="publish, and receive as a subscriber",
            keys=(SEQUENCE,),
            event=event,
            may_be={"lost": "messages of that time: each subscriber is told which, or that it must begin anew"},
            proof=TOLD,
            naive=naive.messages(),
            hardened=lambda without: messages(_without=without),
            hardenings=HARDENINGS,
            rests_on=HARDENINGS - {"scope"},
        )
        for event in ("disconnect", "failover, stock")
    ),
    Claim(
        operation="publish and receive in one environment beside others",
        keys=(SEQUENCE,),
        event="concurrency",
        may_be={},
        proof=APART,
        naive=naive.environments(),
        hardened=lambda without: environments(_without=without),
        hardenings=HARDENINGS,
        rests_on=frozenset({"scope"}),
    ),
)


def test_a_subscriber_is_told_of_what_it_missed(arbredis: Arbredis) -> None:
    arbredis.run(TOLD).assert_valid()


def test_no_environment_hears_another(arbredis: Arbredis) -> None:
    arbredis.run(APART).assert_valid()


def test_databases_do_not_keep_channels_apart(arbredis: Arbredis) -> None:
    arbredis.run(HEARD).assert_valid()


def test_subscribe_says_nothing_of_what_was_missed(arbredis: Arbredis) -> None:
    arbredis.run(NAIVE).assert_valid()
