"""Every fault is in force when `inject` returns, is felt by an ordinary client, and leaves nothing when healed."""

from __future__ import annotations

import signal

import pytest
import redis
from fault_cases import (
    PLAIN,
    Case,
    assert_found_out,
    assert_in_force_felt_and_healed,
    lying_control,
    lying_redis,
    lying_server,
    slow,
    unreachable,
)
from network_fault_cases import CASES as NETWORK
from power_fault_cases import CASES as POWER
from redis.backoff import NoBackoff
from redis.retry import Retry
from resource_fault_cases import CASES as RESOURCE
from sentinel_fault_cases import CASES as SENTINELS
from server_fault_cases import CASES as SERVER

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import ControlError, UnhealedError, UsageError
from pytest_arbredis.faults.bench import FaultBench
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.down import Down
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.faults.pause import Pause
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.faults.replication_cut import ReplicationCut
from pytest_arbredis.faults.reset import Reset
from pytest_arbredis.faults.restart import Restart


@pytest.fixture
def client(deployment):
    """An ordinary client of the primary, through its proxy, connected before the fault."""
    host, port = deployment.primary().proxied
    with redis.Redis(host=host, port=port, **PLAIN) as client:
        client.set("k", "before")
        yield client


def applied_but_never_told(client, deployment):
    with pytest.raises(redis.ConnectionError):
        client.set("k", "during")
    assert deployment.nodes[0].client.get("k") == "during"


def each_repeat_applied(_, deployment):
    host, port = deployment.nodes[0].proxied
    with (
        redis.Redis(host=host, port=port, retry=Retry(NoBackoff(), 3)) as stubborn,
        pytest.raises(redis.ConnectionError),
    ):
        stubborn.incr("count")
    assert deployment.nodes[0].client.get("count") == "4"


def not_replicated(client, deployment):
    assert client.set("k", "during")
    assert client.wait(1, 100) == 0
    assert {node.client.get("k") for node in deployment.nodes[1:]} == {"before"}


def led_elsewhere(_, deployment):
    assert deployment.primary().name != "n0"
    wait_until(lambda: deployment.primary().client.get("k") == "before", within_s=5, what="the data at the new primary")


def refused(client, _):
    with pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("k", "during")
    assert client.get("k") == b"before"


OURS = {
    "latency": Case(
        fault=Latency(ms=60, jitter_ms=20),
        evidence=r"n0: probe [4-9]\d ms against \d\.\d ms directly",
        felt=slow,
        lie=lying_control,
    ),
    "down": Case(
        fault=Down(),
        evidence=r"n0: (closed|refused|reset) through its address, answers directly",
        felt=unreachable,
        lie=lying_control,
    ),
    "reset": Case(
        fault=Reset(), evidence=r"n0: reset after \d+\.\d ms, answers directly", felt=unreachable, lie=lying_control
    ),
    "limit_data": Case(
        fault=LimitData(),
        evidence=r"n0: closed after 0 bytes of replies, answers directly",
        felt=applied_but_never_told,
        lie=lying_control,
    ),
    "limit_data_after_handshake": Case(
        fault=LimitData(after_handshake=True),
        evidence=r"n0: closed after \d+ bytes of replies, answers directly",
        felt=each_repeat_applied,
        lie=lying_control,
    ),
    "crash": Case(
        fault=Crash(),
        evidence=r"n0: exit status -9, port \d+ refuses connections",
        felt=unreachable,
        lie=lying_server,
    ),
    "pause": Case(
        fault=Pause(), evidence=r"n0: pid \d+ lives, no reply within 3\d\d ms", felt=unreachable, lie=lying_server
    ),
    "replication_cut": Case(
        fault=ReplicationCut(),
        target="replicas",
        evidence=r"n1: link down at offset \d+; n2: link down at offset \d+; n0 has 0 replicas",
        felt=not_replicated,
        lie=lying_redis,
    ),
    "failover": Case(fault=Failover(), evidence=r"n\d is master, n0 follows it", felt=led_elsewhere, lie=lying_redis),
    "out_of_memory": Case(
        fault=OutOfMemory(),
        evidence=r"n0: refuses a write with OOM, \d+\.\d of \d+\.\d MB used",
        felt=refused,
        lie=lying_redis,
        file_clean_of=("maxmemory",),
    ),
}
CASES = {**OURS, **NETWORK, **POWER, **RESOURCE, **SENTINELS, **SERVER}
WITHOUT_A_CASE = {"restart"}
"""It needs a crash before it, and has tests of its own."""


@pytest.mark.parametrize("name", CASES)
def test_a_fault_is_in_force_is_felt_and_is_healed(launcher, pool, recorder, name):
    if launcher not in CASES[name].launchers:
        pytest.skip(f"{name} is not possible on the launcher {launcher}")
    assert_in_force_felt_and_healed(pool, recorder, CASES[name])


@pytest.mark.parametrize("launcher", ["process"], indirect=True)  # the lies are told above the launchers
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "process" in case.launchers])
def test_a_lie_about_a_fault_is_found_out(pool, recorder, monkeypatch, name):
    assert_found_out(pool, recorder, monkeypatch, CASES[name])


@pytest.mark.parametrize("launcher", [pytest.param("docker", marks=pytest.mark.docker)], indirect=True)
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "process" not in case.launchers])
def test_a_lie_about_a_fault_of_a_container_is_found_out(pool, recorder, monkeypatch, name):
    assert_found_out(pool, recorder, monkeypatch, CASES[name])


def test_every_fault_has_a_case():
    assert {case.fault.name for case in CASES.values()} == set(FAULTS) - WITHOUT_A_CASE


def test_a_restart_ends_the_crash_that_it_mends(nemesis, deployment):
    crash = nemesis.inject(Crash(), "replica")
    restart = nemesis.inject(Restart(), "crashed")
    assert restart.evidence is not None
    assert restart.evidence.detail.startswith("n1: pid ")
    assert crash.healed
    assert not nemesis.in_force
    deployment.settled()
    with pytest.raises(UsageError, match="no node is 'crashed'"):
        nemesis.inject(Restart(), "crashed")
    with pytest.raises(UsageError, match="a restart of n1, which runs"):
        nemesis.inject(Restart(), "n1")


def test_observing_a_healthy_topology_gives_no_evidence(deployment, launcher):
    faults = {
        **{name: case.fault for name, case in CASES.items() if launcher in case.launchers},
        **{name: FAULTS[name]() for name in WITHOUT_A_CASE},
        "few": Latency(ms=10),
        "short": Latency(ms=1),
        "uncertain": Latency(ms=20, jitter_ms=20),
        "late": LimitData(after_handshake=True),
    }
    for target in ("primary", "replica"):
        site = Site(deployment=deployment, nodes=deployment.resolve(target), primary="n0")
        assert {name: seen for name, fault in faults.items() if (seen := fault.observe(site))} == {}


@pytest.mark.parametrize("exit_by", [RuntimeError, KeyboardInterrupt])
def test_the_nemesis_heals_everything_on_every_way_out(deployment, recorder, exit_by):
    nemesis = Nemesis(deployment, recorder)

    def leave():
        with nemesis:
            nemesis.inject(Latency(ms=5), "nodes")
            nemesis.inject(Pause(), "s1")
            nemesis.inject(OutOfMemory(headroom_mb=1), "primary")
            nemesis.inject(Crash(), "n2")
            nemesis.inject(ReplicationCut(), "n1")
            raise exit_by

    with pytest.raises(exit_by):
        leave()
    assert [injection.healed for injection in nemesis.injections] == [True] * 5
    deployment.settled()


def test_ctrl_c_while_a_fault_is_injected_poisons_the_deployment(pool, deployment, recorder, monkeypatch):
    def interrupted(_, site):
        site.nodes[0].server.signal(signal.SIGSTOP)
        raise KeyboardInterrupt

    monkeypatch.setattr(Pause, "inject", interrupted)
    with Nemesis(deployment, recorder) as nemesis:
        nemesis.inject(Latency(ms=5), "primary")
        with pytest.raises(KeyboardInterrupt):
            nemesis.inject(Pause(), "primary")
    assert deployment.poisoned == "pause on primary was injected in part: KeyboardInterrupt()"
    assert nemesis.injections[0].healed
    assert pool.take(deployment.spec) is not deployment


def test_a_heal_that_fails_poisons_and_the_other_undos_are_tried(pool, deployment, recorder, monkeypatch):
    remove = deployment.control.remove_toxic

    def failing(proxy, name):
        if proxy == "n1":
            raise ControlError("it hangs")
        remove(proxy, name)

    nemesis = Nemesis(deployment, recorder)
    nemesis.inject(Pause(), "s1")
    nemesis.inject(Latency(ms=5), "nodes")
    monkeypatch.setattr(deployment.control, "remove_toxic", failing)
    with pytest.raises(UnhealedError, match="latency on nodes could not be healed: it hangs"):
        nemesis.heal_all()
    assert [injection.healed for injection in nemesis.injections] == [True, False]
    assert {name for name, state in deployment.control.proxies().items() if state.toxics} == {"n1"}
    with pytest.raises(UnhealedError):
        nemesis.heal_all()
    with pytest.raises(KeyboardInterrupt) as caught, nemesis:
        raise KeyboardInterrupt
    assert "could not be healed" in "".join(caught.value.__notes__)
    assert "it hangs" in deployment.poisoned
    assert pool.take(deployment.spec) is not deployment


@pytest.mark.parametrize("launcher", ["process"], indirect=True)
def test_faults_that_cannot_be_there_are_refused(nemesis):
    with pytest.raises(UsageError, match="follows nobody"):
        nemesis.inject(ReplicationCut(), "primary")
    with pytest.raises(UsageError, match="takes no writes"):
        nemesis.inject(OutOfMemory(), "replica")
    with pytest.raises(UsageError, match="no node is 'crashed'"):
        nemesis.inject(Restart(), "crashed")


@pytest.mark.parametrize("launcher", ["process"], indirect=True)
def test_a_failover_without_sentinels_is_refused(pool, recorder):
    nemesis = Nemesis(pool.take(topologies.single()), recorder)
    with pytest.raises(UsageError, match="failover on primary is not possible here: it needs Sentinels"):
        nemesis.inject(Failover(), "primary")


def met(handle):
    handle.witness()
    return handle.met


@pytest.mark.parametrize("launcher", ["process"], indirect=True)
def test_exposure_tells_who_met_a_fault_and_who_did_not(nemesis, deployment, client):
    bench = FaultBench(nemesis)
    with bench.latency("primary", ms=40) as unmet:
        pass
    assert unmet.met == ""
    assert unmet.complaint.startswith("latency on primary was in force (n0: probe ")
    assert "but none of your operations met it: did your code connect elsewhere?" in unmet.complaint
    with bench.latency("primary", ms=5) as used:
        client.get("k")
    assert used.met == "n0 ran 1 commands while it was in force"
    assert used.complaint == ""
    with bench.out_of_memory() as oom, pytest.raises(redis.exceptions.OutOfMemoryError):
        client.set("k", "during")
    assert oom.met == "n0 ran 1 commands while it was in force"
    client.close()
    deployment.settled()
    host, port = deployment.nodes[0].proxied
    with bench.down("primary") as refused_dials, pytest.raises(redis.ConnectionError):
        redis.Redis(host=host, port=port, **PLAIN).ping()
    assert refused_dials.met == "1 connections to n0 were tried while it was in force"
    with redis.Redis(host=host, port=port) as idle:
        idle.ping()
        with bench.down("primary") as cut:
            pass
    assert cut.met == "1 connections to n0 were open when it came"
    assert bench.complaints() == [unmet.complaint]
