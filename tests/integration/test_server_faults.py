"""What faults of a server do beyond their cases: who meets them, what Sentinels do then, where they are refused."""

from __future__ import annotations

import threading

import pytest
import redis
from fault_cases import PLAIN, client_of
from server_fault_cases import leads

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.bench import FaultBench
from pytest_arbredis.faults.busy_script import BusyScript
from pytest_arbredis.faults.demotion import Demotion
from pytest_arbredis.faults.empty_restart import EmptyRestart
from pytest_arbredis.faults.eviction import Eviction
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.no_replicas import NoReplicas
from pytest_arbredis.faults.restart import Restart
from pytest_arbredis.faults.stop import Stop

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)  # the servers are the same in both


def met(handle):
    handle.witness()
    return handle.met


def test_exposure_to_faults_of_a_server(pool, recorder):
    deployment = pool.take(topologies.replicated(replicas=2))
    with Nemesis(deployment, recorder) as nemesis:
        bench = FaultBench(nemesis)
        host, port = deployment.primary().proxied
        with bench.busy_script() as unmet:
            pass
        assert unmet.met == ""
        with client_of(deployment) as client:
            with bench.max_clients() as slots:
                client.get("k")
                assert met(slots) == ""
                with redis.Redis(host=host, port=port, **PLAIN) as late, pytest.raises(redis.ConnectionError):
                    late.get("k")
                assert met(slots) == "1 connections to n0 were tried while it was in force"
            with bench.no_replicas() as refusing:
                assert met(refusing) == ""
                with pytest.raises(redis.ResponseError):
                    client.set("k", "during")
                assert met(refusing) == "n0 ran 1 commands while it was in force"
            with bench.eviction(headroom_mb=1) as evicting:
                assert met(evicting) == ""
                client.get("k")
                assert met(evicting) == "n0 ran 1 commands while it was in force"
            with bench.busy_script() as busy:
                pass
            assert busy.met == "1 connections to n0 were open when it came"
            with bench.demotion() as demoted:
                client.get("k")
                assert met(demoted) == ""
                with pytest.raises(redis.exceptions.ReadOnlyError):
                    client.set("k", "during")
                assert met(demoted) == "n0 ran 1 commands while it was in force"
            assert met(bench.empty_restart()) == "1 connections to n0 were open when it came"
        assert bench.complaints() == [unmet.complaint]
    deployment.settled()


def test_a_restart_ends_the_stop_that_it_mends(nemesis, deployment):
    stop = nemesis.inject(Stop(), "replica")
    restart = nemesis.inject(Restart(), "crashed")
    assert restart.observed
    assert stop.healed
    deployment.settled()


def test_a_script_that_is_called_again_outlives_a_sentinels_script_kill(nemesis, deployment):
    fault = BusyScript()
    called = calls_of_eval(deployment.nodes[0])
    nemesis.inject(fault, "primary")
    wait_until(lambda: leads(deployment) not in {"", "n0"}, within_s=10, what="a failover away from the busy primary")
    assert fault.observe(Site(deployment=deployment, nodes=deployment.nodes[:1], primary="n0"))
    nemesis.heal_all()
    assert calls_of_eval(deployment.nodes[0]) - called >= 2
    deployment.settled()
    assert deployment.primary().name != "n0"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("busy-")]


def calls_of_eval(node):
    return node.client.info("commandstats").get("cmdstat_eval", {"calls": 0})["calls"]


def test_writes_are_refused_although_sentinels_lead_the_replicas_back(nemesis, deployment):
    fault = NoReplicas()
    injection = nemesis.inject(fault, "primary")
    wait_until(
        lambda: "2 good replicas of 3" in fault.observe(injection.site), within_s=10, what="replicas that follow again"
    )
    host, port = deployment.primary().proxied
    with redis.Redis(host=host, port=port, **PLAIN) as client, pytest.raises(redis.ResponseError, match="NOREPLICAS"):
        client.set("k", "during")


def test_an_empty_restart_is_seen_under_load_too(pool, recorder):
    deployment = pool.take(topologies.replicated(replicas=2))
    host, port = deployment.primary().proxied
    ended = threading.Event()

    def write():
        client = redis.Redis(host=host, port=port, **PLAIN)
        number = 0
        while not ended.is_set():
            number += 1
            try:
                client.set(f"k:{number}", number)
            except redis.RedisError:
                ended.wait(0.001)
        client.close()

    thread = threading.Thread(target=write)
    with Nemesis(deployment, recorder) as nemesis:
        thread.start()
        try:
            wait_until(lambda: deployment.nodes[2].client.exists("k:50"), within_s=5, what="the load")
            assert nemesis.inject(EmptyRestart(), "primary").observed
            assert {node.client.exists("k:50") for node in deployment.nodes} == {0}
        finally:
            ended.set()
            thread.join()
    deployment.settled()


@pytest.mark.parametrize("fault", [Demotion(), EmptyRestart(), Eviction(), NoReplicas()], ids=lambda fault: fault.name)
def test_what_only_a_primary_can_have_is_refused_on_a_replica(pool, recorder, fault):
    deployment = pool.take(topologies.replicated(replicas=2))
    pid = deployment.nodes[1].server.pid
    with pytest.raises(UsageError, match="n1, which is not the primary"):
        Nemesis(deployment, recorder).inject(fault, "replica")
    assert deployment.nodes[1].server.pid == pid
    deployment.poisoned = ""  # nothing was injected: refused before anything was asked of a server


def test_a_busy_script_on_a_sentinel_is_refused(deployment, recorder):
    with pytest.raises(UsageError, match="s0, which runs no scripts"):
        Nemesis(deployment, recorder).inject(BusyScript(), "s0")
    deployment.poisoned = ""
