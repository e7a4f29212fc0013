"""Publish and subscribe: a hazard of a failover, of which a subscriber learns no more than that there was an error.

`get_message` raises once, and the next call has connected and subscribed again. What was published with success until
then is gone: Redis keeps no message for a subscriber that is not there, and nothing says which ones are missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

if TYPE_CHECKING:
    from pytest_arbredis.session import Arbredis

LOST = Scenario(
    name="pubsub.failover",
    kind="hazard",
    promise="Messages published with success during a failover never reach their subscriber.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.pubsub(),
    workload=workloads.messages(rate_hz=320, clients=8, receive_every=20),
    faults=schedule.at(seconds=0.8).failover(),
    seconds=4.5,
    judged=("publish",),
    exposed_by={"failover": "after"},
    read_back=False,
    checks=(checks.messages_are_lost(at_least=1),),
)


def test_messages_are_lost_in_a_failover(arbredis: Arbredis) -> None:
    arbredis.run(LOST).assert_valid()
