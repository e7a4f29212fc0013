"""A bot in another process as the subject of a scenario, on real servers; and one address that follows the primary."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import redis
from bots import ASKED
from fault_cases import SENTINEL

from pytest_arbredis import Scenario, checks, schedule, subjects, workloads
from pytest_arbredis._clock import wait_until
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.probe import ping
from pytest_arbredis.topology.primary_link import PrimaryLink

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)


def test_a_bot_that_dies_is_an_event_and_no_verdict(judged):
    dying = ASKED.replace("answer |= {", "os._exit(9) if op['id'] > 60 else answer.update({", 1).replace(
        'op["input"])}', 'op["input"])})', 1
    )
    scenario = Scenario(
        name="bot.dies",
        promise="None.",
        topology=SENTINEL,
        subject=subjects.process([sys.executable, "-c", dying], says_ready=True),
        workload=workloads.unique_writes(rate_hz=200, clients=1),
        faults=schedule.at(seconds=0.6).latency("primary", ms=20).lasting(seconds=0.2),
        seconds=1.1,
        checks=(checks.acknowledged_writes_survive(),),
    )
    result = judged(scenario)
    assert result.verdict is Verdict.UNKNOWN
    notes = [event.data for event in result.history.events_named("note")]
    assert [data["status"] for data in notes if data.get("kind") == "subject-died"] == [9]
    outcomes = [op.outcome for op in result.history.named("write")]
    assert outcomes.count("unknown") == 1
    assert "not asked: it ended with status 9" in {op.outcome: op.error for op in result.history.named("write")}["fail"]


def value(client, key):
    try:
        return client.get(key)
    except redis.RedisError:
        return None


def stored(client, key):
    try:
        return client.set(key, "v")
    except redis.RedisError:
        return False


def test_the_link_leads_to_whoever_is_primary(deployment, nemesis):
    first = deployment.primary()
    told = []
    with (
        PrimaryLink(deployment, note=told.append) as link,
        redis.Redis.from_url(link.url, socket_timeout=0.5, decode_responses=True) as client,
    ):
        assert client.set("before", "1")
        nemesis.inject(Crash(), first.name)
        wait_until(lambda: stored(client, "after"), within_s=10, what="a write through the link after a failover")
        wait_until(lambda: link.leads_to == deployment.primary().name, within_s=10, what="the link telling of it")
        assert link.leads_to != first.name
        nemesis.heal_all()
        deployment.settled()
        assert value(client, "after") == "v"
        assert link.problems == []
        address = link.address
    assert [data["kind"] for data in told] == ["primary-link"]
    assert "primary" not in deployment.control.proxies()
    assert not ping(address, timeout_s=0.3).answered


def test_a_fault_on_the_primary_is_felt_through_the_link(deployment, nemesis):
    with PrimaryLink(deployment) as link:
        before = ping(link.address, rounds=3)
        nemesis.inject(Latency(ms=80), "primary")
        during = ping(link.address)
        nemesis.heal_all()
    assert before.median_ms < 40
    assert during.after_ms >= 80


OWNER = """
import sys, time
from pytest_arbredis import Endpoints, Invocation, subjects
body = "import json, os, sys, time\\nfor line in sys.stdin:"
body += " print(json.dumps({'id': 0, 'output': os.getpid()}), flush=True)"
body += "\\ntime.sleep(60)"
session = subjects.process([sys.executable, "-c", body]).open(Endpoints(primary=("127.0.0.1", 1)))
print(session.apply(Invocation(id=0, name="write", key="k")).output, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_no_bot_outlives_a_killed_owner(launcher):  # noqa: ARG001 - as all tests here
    owner = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(OWNER)], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        pid = int(owner.stdout.readline())
        assert Path(f"/proc/{pid}").exists()
    finally:
        os.kill(owner.pid, signal.SIGKILL)
        owner.communicate()
    began = time.monotonic()
    wait_until(lambda: not Path(f"/proc/{pid}").exists(), within_s=2, what=f"the end of the bot, pid {pid}")
    assert time.monotonic() - began < 2
