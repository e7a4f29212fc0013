"""redis-py's subjects where a topology wants a password, a user of an ACL, or TLS; and through a fault of the link."""

from __future__ import annotations

from dataclasses import replace

import pytest
import redis
from small_servers import op, session_of

from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.background import Load
from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.workloads import commands, unique_writes
from pytest_arbredis.run import endpoints_of
from pytest_arbredis.servers.login import Login
from pytest_arbredis.subjects import redis_py
from pytest_arbredis.subjects.channels import PubSub
from pytest_arbredis.topology import spec as topologies
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool
from pytest_arbredis.topology.readback import keyspace

SUBJECTS = [
    *(redis_py.sentinel(), redis_py.direct(), redis_py.from_url(), redis_py.pool()),
    *(redis_py.async_sentinel(), redis_py.async_direct(), redis_py.async_from_url(), redis_py.async_pool()),
]


@pytest.fixture(scope="module")
def processes():
    with DeploymentPool(Means(launcher="process")) as pool:
        yield pool


def named(subject):
    return subject.name.split(" ", 2)[2]


@pytest.fixture(scope="module", params=["tls", "password"])
def guarded(request):
    return topologies.sentinel(**{"tls": {"tls": True}, "password": {"password": "a secret of its own"}}[request.param])


@pytest.mark.parametrize("subject", [*SUBJECTS, PubSub()], ids=named)
def test_every_construction_gets_in_and_its_sends_are_counted(processes, guarded, subject):
    deployment = processes.take(guarded)
    if isinstance(subject, PubSub):
        if redis.__version__ == "5.0.0":
            pytest.skip("redis-py 5.0.0 cannot subscribe by a Sentinel: its connection knows no push_request")
        with session_of(subject, endpoints_of(deployment)) as session:
            assert session.apply(op("publish", value="m")).output == 1
        return
    with session_of(subject, endpoints_of(deployment)) as session:
        assert session.apply(op("write", value="v")).output == "OK"
        assert session.attempts == 1
        answer = session.apply(op("read"))
        assert (answer.output, answer.node, session.attempts) == ("v", "n0", 1)


@pytest.mark.parametrize("subject", [redis_py.direct(), redis_py.async_pool()], ids=named)
def test_past_the_proxies_there_is_a_plain_port(processes, guarded, subject):
    endpoints = endpoints_of(processes.take(guarded), path="direct")
    assert endpoints.login.ca is None
    with session_of(subject, endpoints) as session:
        assert session.apply(op("read")).node == "n0"


def test_the_noise_floor_logs_in_as_the_subject_does(processes, guarded, tmp_path):
    endpoints = endpoints_of(processes.take(guarded))
    with Recorder(tmp_path / "history.jsonl", Header(run="r")) as recorder:
        report = run_load(commands(rate_hz=200), redis_py.direct(), endpoints, recorder, seed=1, seconds=0.5, run="r")
        history = recorder.close()
    assert report.ok == report.planned - report.not_sent > 0
    assert any(op.name == "PING" and op.outcome == "ok" for op in history.ops)


def test_a_user_of_an_acl_who_may_not_write_is_refused_for_certain(processes, tmp_path):
    users = tmp_path / "users.acl"
    users.write_text("user default on >its ~* &* +@all -set\n")
    deployment = processes.take(topologies.single(acl=users))
    endpoints = replace(endpoints_of(deployment), login=Login(password="its"))  # noqa: S106 - the test's own
    for subject in (redis_py.direct(), redis_py.async_direct()):
        with session_of(subject, endpoints) as session:
            with pytest.raises(redis.exceptions.NoPermissionError) as caught:
                session.apply(op("write", value="v"))
            assert classify(caught.value, attempts=session.attempts) == "fail"


@pytest.mark.parametrize(
    "subject", [redis_py.async_sentinel(deadline_s=0.8), redis_py.async_sentinel(1, 300)], ids=named
)
def test_an_asyncio_client_survives_a_failover_over_tls_and_what_was_acknowledged_before_is_recorded(
    processes, tmp_path, subject
):
    """Outcomes against the server: what a history calls not applied is nowhere, what it calls ok was confirmed."""
    deployment = processes.take(topologies.sentinel(tls=True))
    with Recorder(tmp_path / "history.jsonl", Header(run="r")) as recorder:
        load = Load(
            workload=unique_writes(100, 2),
            subject=subject,
            endpoints=endpoints_of(deployment),
            recorder=recorder,
            seed=1,
            seconds=6.0,
            run="r",
        )
        with load, Nemesis(deployment, recorder) as nemesis:
            load.start()
            wait_until(lambda: load.progress.ok > 20, within_s=10, what="writes before the crash")
            nemesis.inject(Crash(), "primary")
            before = load.progress.ok
            wait_until(lambda: load.progress.ok > before + 20, within_s=20, what="writes after the failover")
            load.join()
            nemesis.heal_all()
        deployment.settled()
        stored = keyspace(deployment.primary(), prefix="")
        history = recorder.close()
    by_outcome = {outcome: [op for op in history.ops if op.outcome == outcome] for outcome in ("ok", "fail", "unknown")}
    assert {op.node for op in by_outcome["ok"]} > {"n0"}
    assert by_outcome["fail"] or by_outcome["unknown"]
    assert not [op for op in by_outcome["fail"] if op.key in stored]
    lost = [op for op in by_outcome["unknown"] if op.confirmed is None]
    assert len({op.process for op in history.ops}) == 2 + len(lost)
