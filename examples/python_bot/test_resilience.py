"""What the bot promises when its Redis breaks."""

from __future__ import annotations

import pytest
import redis
from adapter import Bot
from positions import Positions

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads

FAILOVER = Scenario(
    name="positions.failover",
    promise="Positions are stored again 3 s after a crash of the primary; what is lost was never replicated.",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=Bot(),
    workload=workloads.unique_writes(rate_hz=250, clients=8, read_share=0.2),
    faults=schedule.at(seconds=0.7).crash("primary").at(seconds=3.2).restart("crashed"),
    seconds=4.6,
    checks=(checks.recovers_within(3.5, after="crash"), checks.losses_are_documented(), checks.replicas_converge()),
)


def test_positions_are_stored_again_soon_after_a_crash(arbredis):
    arbredis.run(FAILOVER).assert_valid()


@pytest.mark.arbredis(conf={"appendonly": "yes"})
def test_an_error_is_told_if_redis_stays_away_and_the_next_position_is_stored(redis_topology, faults):
    sentinels = [node.proxied for node in redis_topology.sentinels]
    positions = Positions(sentinels, redis_topology.master_name, within_s=0.2)
    positions.hold("BTC", 1)
    with faults.reset("primary"), pytest.raises(redis.RedisError):
        positions.hold("BTC", 2)
    positions.hold("BTC", 3)
    assert positions.held("BTC") == "3"
    positions.client.close()
