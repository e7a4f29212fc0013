"""Sentinels lost: how many of them decides whether a primary that dies is replaced."""

from __future__ import annotations

import pytest
import redis
from fault_cases import PLAIN
from sentinel_fault_cases import promoted

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import WaitTimeoutError
from pytest_arbredis.faults.bench import FaultBench
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.topology.settled import look

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)  # Sentinels are the same on both


def sees_the_primary_as(sentinel):
    return str(sentinel.client.sentinel_master("arbredis")["flags"])


@pytest.mark.thorough
def test_without_a_majority_nobody_is_promoted_until_it_is_back(nemesis, deployment):
    majority = nemesis.inject(Crash(), "majority")
    assert majority.nodes == ("s1", "s2")
    crash = nemesis.inject(Crash(), "primary")
    with pytest.raises(WaitTimeoutError):
        wait_until(lambda: promoted(deployment), within_s=5, every_s=0.05, what="a primary that nobody can elect")
    assert "s_down" in sees_the_primary_as(deployment.sentinels[0])
    nemesis.heal(majority)
    wait_until(lambda: promoted(deployment), within_s=25, every_s=0.05, what="a primary that two Sentinels elected")
    nemesis.heal(crash)
    deployment.settled()


def test_a_topology_is_not_settled_while_a_sentinel_is_in_tilt(deployment):
    sentinel = deployment.sentinels[0]
    sentinel.client.execute_command("SENTINEL", "DEBUG", "tilt-trigger", "1")
    wait_until(lambda: sentinel.client.info("sentinel")["sentinel_tilt"], within_s=5, what="TILT")
    assert look(deployment).missing.startswith("s0: is in TILT")
    sentinel.client.execute_command("SENTINEL", "DEBUG", "tilt-trigger", "2000")
    deployment.settled()
    assert not sentinel.client.info("sentinel")["sentinel_tilt"]


@pytest.mark.parametrize("target", ["s2", "minority", "sentinels"])
def test_a_fault_of_a_sentinel_is_met_by_what_is_done_at_the_primary_meanwhile(nemesis, deployment, target):
    bench = FaultBench(nemesis)
    host, port = deployment.primary().proxied
    with redis.Redis(host=host, port=port, **PLAIN) as client:
        client.ping()
        with bench.latency(target, ms=20) as unmet:
            pass
        with bench.latency(target, ms=20) as met:
            client.set("k", "v")
    assert unmet.complaint.startswith(f"latency on {target} was in force (s")
    assert met.met == "n0 ran 1 commands while it was in force"
