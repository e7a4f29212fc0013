"""A breaker that lets calls through while it says open is found by what the servers saw, and by what they counted."""

from __future__ import annotations

import itertools
import threading
from dataclasses import replace

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pytest_arbredis import Scenario, checks, schedule, topologies, workloads
from pytest_arbredis._clock import CLOCK, wait_until
from pytest_arbredis.checkers.command_counts import rises
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.topology.commandstats import CommandCounts
from pytest_arbredis.topology.monitor import CommandMonitor

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)


class Guarded:
    """A bot behind a breaker that opens after three failures for 0.5 s; every `leak`th call passes it all the same."""

    name = "a guarded bot"

    def __init__(self, *, leak):
        self.leak, self.lock, self.moved = leak, threading.Lock(), None
        self.calls, self.failed, self.opened_ns, self.seq = itertools.count(1), 0, None, 0

    def open(self, endpoints):
        return Calls(self, redis.Redis(*endpoints.primary, socket_timeout=0.1, retry=Retry(NoBackoff(), 0)))

    def lets_in(self):
        with self.lock:
            if self.opened_ns is not None and CLOCK.now_ns() >= self.opened_ns + 500_000_000:
                self.move("open", "half-open", "elapsed")
                self.move("half-open", "closed", "success")
                self.opened_ns, self.failed = None, 0
            return self.opened_ns is None or (self.leak and next(self.calls) % self.leak == 0)

    def failure(self):
        with self.lock:
            self.failed += 1
            if self.failed == 3:
                self.opened_ns = CLOCK.now_ns()
                self.move("closed", "open", "failures")

    def move(self, source, target, cause):
        self.seq += 1
        self.moved({"id": "redis", "seq": self.seq, "from": source, "to": target, "cause": cause})


class Calls:
    """One client."""

    def __init__(self, bot, client):
        self.bot, self.client = bot, client

    def report_breaker_to(self, moved):
        self.bot.moved = moved

    def apply(self, op):
        if not self.bot.lets_in():
            return Answer(outcome="fail", error="BreakerOpen: not let in")
        try:
            self.client.set(op.key, op.input)
        except redis.RedisError as error:
            self.bot.failure()
            return Answer(outcome="unknown", error=type(error).__name__)
        return Answer(output="OK")

    def close(self):
        self.client.close()


GUARDED = Scenario(
    name="breaker.counts",
    promise="While the breaker is open nothing reaches the server.",
    topology=topologies.single(),
    subject=Guarded(leak=0),
    workload=workloads.unique_writes(rate_hz=200, clients=4),
    faults=schedule.at(seconds=0.4).latency("primary", ms=300).lasting(seconds=0.4),
    seconds=2.0,
    checks=(checks.no_command_while_open(names=("set",)),),
)


def without(history, *kinds):
    kept = [event for event in history.events if event.data.get("kind") not in kinds]
    return replace(history, events=tuple(kept))


@pytest.mark.parametrize(("leak", "worst"), [(0, Verdict.UNKNOWN), (2, Verdict.INVALID)])
def test_a_leaky_breaker_is_found_by_either_witness(judged, leak, worst):
    """A tight one is not accused; what was under way when it opened arrives late, and may leave it undecided."""
    history = judged(replace(GUARDED, subject=Guarded(leak=leak))).history
    (check,) = GUARDED.checks
    both, by_monitor, by_counts = (
        check(each) for each in (history, without(history, "commandstats"), without(history, "command"))
    )
    for finding in (both, by_monitor, by_counts):
        assert finding.verdict is worst or finding.verdict < worst is Verdict.UNKNOWN, finding
    assert check(without(history, "command", "commandstats")).verdict is Verdict.UNKNOWN
    if leak:
        assert "n0 counted" in by_counts.summary


def test_counts_say_what_arrived_and_what_the_harness_sent(deployment, recorder):
    primary = deployment.primary()
    host, port = primary.proxied
    with CommandCounts(deployment, recorder), redis.Redis(host=host, port=port) as bot:
        bot.execute_command("INCR", "theirs")
        primary.client.set("ours", "1")

        def counted():
            return [one for one in rises(load(recorder.path))[primary.name] if one.calls]

        wait_until(lambda: sum(one.count for one in counted()) >= 2, within_s=5, what="both commands counted")
    calls = {name: one for one in counted() for name in one.calls}
    assert calls.keys() == {"INCR", "SET"}
    assert "INCR" not in calls["INCR"].doubtful
    assert "SET" in calls["SET"].doubtful


def test_a_server_that_does_not_permit_monitor_is_noted(deployment, recorder):
    for node in deployment.nodes:
        node.client.execute_command("ACL", "SETUSER", "default", "-monitor")
    with CommandMonitor(deployment, recorder):
        wait_until(
            lambda: any(event.data.get("kind") == "monitor-refused" for event in load(recorder.path).events),
            within_s=5,
            what="the refusal in the history",
        )
