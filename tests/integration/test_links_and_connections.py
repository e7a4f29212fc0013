"""What faults of the network and of connections do beyond their cases: who is answered late, who is spared."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from fault_cases import PLAIN, client_of

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.bench import FaultBench
from pytest_arbredis.faults.blackhole import Blackhole
from pytest_arbredis.faults.client_kill import ClientKill
from pytest_arbredis.faults.client_pause import ClientPause
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.slice import Slice
from pytest_arbredis.faults.slow_close import SlowClose
from pytest_arbredis.faults.stall import Stall

pytestmark = [  # proxies and Redis are the same in both
    pytest.mark.parametrize("launcher", ["process"], indirect=True),
    pytest.mark.thorough,
]


@pytest.fixture
def beside():
    """Runs a call in a thread."""
    with ThreadPoolExecutor(max_workers=4) as executor:
        yield executor.submit


@pytest.fixture
def alone(pool):
    """One Redis behind its proxy, without Sentinels that lose their patience."""
    return pool.take(topologies.single())


@pytest.fixture
def bench(alone, recorder):
    """The verbs of the fixture `faults`, on that one."""
    with Nemesis(alone, recorder) as nemesis:
        yield FaultBench(nemesis)


def patient_client(deployment):
    """A client of n0 through its proxy that waits for its replies, connected."""
    host, port = deployment.nodes[0].proxied
    client = redis.Redis(host=host, port=port, **{**PLAIN, "socket_timeout": 30}, single_connection_client=True)
    client.ping()
    return client


def test_what_was_sent_during_a_stall_is_applied_late_and_answered_on_the_same_connection(nemesis, deployment, beside):
    n0 = deployment.nodes[0].client
    with patient_client(deployment) as waiting, client_of(deployment) as hasty:
        number = waiting.client_id()
        stall = nemesis.inject(Stall(), "primary")
        reply = beside(waiting.incr, "count")
        with pytest.raises(redis.TimeoutError):
            hasty.set("k", "given up")
        assert n0.mget("count", "k") == [None, "before"]
        assert not reply.done()
        nemesis.heal(stall)
        assert reply.result(timeout=5) == 1
        assert waiting.client_id() == number
        wait_until(lambda: n0.get("k") == "given up", within_s=5, what="the command of who had hung up")


def test_a_stall_that_outlasts_the_sentinels_loses_what_it_delivers(nemesis, deployment, beside):
    with patient_client(deployment) as waiting:
        stall = nemesis.inject(Stall(), "primary")
        reply = beside(waiting.set, "late", "acknowledged")
        wait_until(
            lambda: any((role := node.role()) and role.role == "master" for node in deployment.nodes[1:]),
            within_s=10,
            what="another primary",
        )
        began = time.monotonic()
        nemesis.heal(stall)
        assert time.monotonic() - began < 2
        assert reply.result(timeout=5) is True
    deployment.settled()
    assert deployment.primary() is not deployment.nodes[0]
    assert [node.client.get("late") for node in deployment.nodes] == [None] * 3


def test_connections_in_a_blackhole_stay_open_until_it_is_healed(nemesis, deployment):
    with socket.create_connection(deployment.nodes[0].proxied, timeout=5) as connection:
        connection.sendall(b"PING\r\n")
        assert connection.recv(64) == b"+PONG\r\n"
        hole = nemesis.inject(Blackhole(direction="both"), "primary")
        assert hole.evidence is not None
        assert hole.evidence.detail.startswith("n0: a request never arrived, no reply within 3")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(64)
        connection.settimeout(5)
        nemesis.heal(hole)
        assert connection.recv(64) == b""


def test_a_client_pause_ends_before_its_time_and_what_waited_is_run(nemesis, deployment, beside):
    with patient_client(deployment) as waiting, client_of(deployment) as hasty:
        pause = nemesis.inject(ClientPause(ms=60_000), "primary")
        reply = beside(waiting.incr, "count")
        with pytest.raises(redis.TimeoutError):
            hasty.set("k", "given up")
        assert not reply.done()
        nemesis.heal(pause)
        assert reply.result(timeout=5) == 1
        assert deployment.nodes[0].client.get("k") == "before"


def test_a_client_kill_ends_pooled_blocked_and_subscribed_connections_and_no_others(nemesis, deployment, beside):
    n0 = deployment.nodes[0].client

    def spared():
        listed = n0.client_list()
        return {client["id"] for client in listed if client["name"].startswith("sentinel-") or client["flags"] == "S"}

    with client_of(deployment) as reader, patient_client(deployment) as blocked, client_of(deployment) as idle:
        subscriber = reader.pubsub()
        subscriber.subscribe("news")
        assert subscriber.get_message(timeout=5)["type"] == "subscribe"
        popped = beside(blocked.blpop, "queue", 30)
        wait_until(lambda: n0.info("clients")["blocked_clients"] == 1, within_s=5, what="a client that is blocked")
        before = spared()
        kill = nemesis.inject(ClientKill(), "primary")
        assert kill.evidence is not None
        assert kill.evidence.detail == "n0: 3 connections of clients are gone"
        assert kill.healed
        assert before <= spared()
        assert len(before) >= 2 + 3
        with pytest.raises(redis.ConnectionError):
            popped.result(timeout=5)
        assert idle.get("k") == b"before"


def test_a_client_kill_without_clients_is_not_observed(nemesis):
    assert nemesis.inject(ClientKill(), "primary").evidence is None


def test_a_client_pause_of_a_sentinel_is_refused(nemesis):
    with pytest.raises(UsageError, match="client pause on s0, a Sentinel"):
        nemesis.inject(ClientPause(ms=500), "s0")


def test_each_is_possible_on_replicas_too(nemesis, deployment):
    faults = [Stall(), Blackhole(), SlowClose(ms=50), Slice(bytes=1), ClientPause(ms=5000, writes_only=True)]
    for fault in faults:
        injection = nemesis.inject(fault, "replicas")
        assert injection.evidence is not None, fault
        assert [part[:3] for part in injection.evidence.detail.split("; ")] == ["n1:", "n2:"]
        nemesis.heal(injection)
    deployment.settled()


def test_exposure_to_what_holds_and_drops_is_told_by_connections(bench, alone):
    with bench.stall("primary") as unmet:
        pass
    assert unmet.met == ""
    assert "but none of your operations met it" in unmet.complaint
    with redis.Redis(host=alone.nodes[0].direct[0], port=alone.nodes[0].direct[1], **PLAIN) as past:
        past.set("k", "before")
        with bench.blackhole("primary") as avoided:
            past.set("k", "during")
    assert avoided.met == ""
    with client_of(alone) as client:
        with bench.stall("primary") as stalled, pytest.raises(redis.TimeoutError):
            client.get("k")
        assert stalled.met == "1 connections to n0 were open when it came"
    with bench.blackhole("primary") as dropped, pytest.raises(redis.TimeoutError):
        redis.Redis(host=alone.nodes[0].proxied[0], port=alone.nodes[0].proxied[1], **PLAIN).ping()
    assert dropped.met.endswith("connections to n0 were tried while it was in force")
    assert bench.complaints() == [unmet.complaint, avoided.complaint]


def test_exposure_to_what_is_slow_is_told_by_commands_and_to_kills_by_connections(bench, alone):
    with bench.bandwidth("primary", kb_per_s=500) as unmet:
        pass
    assert unmet.met == ""
    with bench.client_pause(ms=5000, writes_only=True) as unmet_pause:
        pass
    assert unmet_pause.met == ""
    with client_of(alone) as client:
        with bench.slice("primary", bytes=2) as cut, bench.bandwidth("primary", kb_per_s=500) as thin:
            client.get("k")
        assert cut.met == thin.met == "n0 ran 1 commands while it was in force"
        with bench.slow_close("primary", ms=50) as late:
            pass
        assert late.met == "1 connections to n0 were open when it came"
        with bench.client_pause(ms=5000, writes_only=True) as paused, pytest.raises(redis.TimeoutError):
            client.set("k", "during")
        assert paused.met == "1 connections to n0 were open when it came"
        assert client.get("k") == b"before"
        kill = bench.client_kill()
        kill.witness()
        assert kill.met == "1 connections to n0 were open when it came"
    assert bench.complaints() == [unmet.complaint, unmet_pause.complaint]
