"""Servers that somebody else started: found, drilled as far as is allowed, and left as they were found."""

from __future__ import annotations

import contextlib
import dataclasses
import re
import signal
import subprocess

import pytest
import redis

from pytest_arbredis import checks, schedule, subjects, topologies, workloads
from pytest_arbredis._clock import wait_until
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.cli.main import status_of
from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.failover import Failover
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.proxy.client import ToxiproxyClient
from pytest_arbredis.proxy.toxics import LatencyToxic
from pytest_arbredis.run import run
from pytest_arbredis.scenario import Scenario
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.servers.redis import find_redis
from pytest_arbredis.subjects.state.manager import managers
from pytest_arbredis.topology.deploy import deploy
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool
from pytest_arbredis.topology.safety import MARK

SINGLE = topologies.single()
READS = r"cmdstat_(info|role|scan|exists|select|hello|ping|client\|.*|auth|dbsize|quit|pexpiretime|config\|get|dump)"


PLAIN = topologies.sentinel(replicas=2, sentinels=3)
LINKS = Scenario(
    name="links",
    promise="A slow link loses nothing.",
    topology=PLAIN,
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=200, clients=4),
    faults=schedule.at(seconds=0.4).latency("primary", ms=50).lasting(seconds=0.4),
    checks=(checks.acknowledged_writes_survive(), checks.replicas_converge()),
    seconds=1.6,
)


@pytest.fixture(scope="module")
def started():
    """The servers of somebody: a Sentinel topology behind a Toxiproxy."""
    with deploy(PLAIN, Means(launcher="process")) as deployment:
        yield deployment


@pytest.fixture
def standing(started):
    """The same, as at their start."""
    started.reset()
    return started


def url_of(deployment):
    host, port = deployment.sentinels[1].proxied  # one of them: the others are found
    return f"redis+sentinel://{host}:{port}/arbredis"


def means_of(deployment, *, allow):
    host, port = deployment.control.address
    return Means(url=url_of(deployment), control=f"http://{host}:{port}", allow_destructive=allow)


@pytest.fixture
def stranger(tmp_path):
    """Starts a Redis with these arguments on a port of its own; gives a client with text replies."""
    with contextlib.ExitStack() as undo:

        def start(*arguments, password=None):
            port = undo.enter_context(claim(size=1)).take()
            words = [
                find_redis(),
                "--port",
                str(port),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--dir",
                tmp_path,
                *arguments,
            ]
            process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
            undo.callback(process.wait, 10)
            undo.callback(process.kill)
            client = undo.enter_context(redis.Redis(port=port, password=password, decode_responses=True))

            def answers():
                with contextlib.suppress(redis.ConnectionError):
                    return client.ping()

            wait_until(answers, within_s=10, what="a stranger's Redis")
            return client

        yield start


def port_of(client):
    return client.connection_pool.connection_kwargs["port"]


def everything(port):
    """All that a drill might have changed: every key of every database, the configuration, and what was written."""
    found = {}
    for number in (0, 3):
        with redis.Redis(port=port, db=number) as client:
            found[number] = {key: (client.dump(key), client.pexpiretime(key)) for key in client.scan_iter()}
    with redis.Redis(port=port, decode_responses=True) as client:
        found["config"] = client.config_get("*")
        found["written"] = {
            name: stat["calls"] for name, stat in client.info("commandstats").items() if not re.fullmatch(READS, name)
        }
        found["changes"] = client.info("persistence")["rdb_changes_since_last_save"]
    return found


def test_roles_replicas_and_sentinels_are_found_behind_their_proxies(standing):
    with deploy(PLAIN, means_of(standing, allow=False)) as found:
        assert {node.direct: node.proxied for node in found.servers} == {
            node.direct: node.proxied for node in standing.servers
        }
        assert found.primary().direct == standing.primary().direct
        assert found.nodes[0] is found.primary()
        assert (len(found.nodes), len(found.sentinels)) == (3, 3)
        assert "external (redis+sentinel://" in found.described["launcher"]


def test_a_replica_leads_to_its_primary_and_to_the_others(standing):
    host, port = standing.replicas()[0].proxied
    with deploy(topologies.replicated(replicas=2), Means(url=f"redis://{host}:{port}")) as found:
        assert found.primary().direct == standing.primary().proxied
        assert {node.direct for node in found.nodes} == {node.proxied for node in standing.nodes}


@pytest.mark.parametrize("allow", [False, True])
def test_a_server_with_data_is_refused_and_nothing_is_touched(stranger, allow, capsys):
    client = stranger()
    client.set("order:1", "paid")
    client.set("session", "x", ex=1000)
    client.rpush("arbredis:queue", "a")  # as a drill's, beside what is not
    with redis.Redis(port=port_of(client), db=3) as third:
        third.hset("portfolio", mapping={"BTC": 1, "ETH": 2})
    before = everything(port_of(client))
    url = f"redis://127.0.0.1:{port_of(client)}"
    with pytest.raises(UsageError, match=r"database 0 holds 3 keys, such as '(order:1|session)', and no mark"):
        deploy(SINGLE, Means(url=url, allow_destructive=allow))
    options = ["--launcher", "external", "--url", url, *(["--allow-destructive"] if allow else [])]
    assert status_of(["drill", "pytest_arbredis.scenarios.retries:POOL", *options]) == 2
    assert "nothing was touched" in capsys.readouterr().err
    assert everything(port_of(client)) == before


COUNTED = Scenario(
    name="counted",
    promise="Additions of the state layer's manager count.",
    topology=SINGLE,
    subject=managers("stat"),
    workload=workloads.on_objects("counter", rate_hz=100, clients=2),
    checks=(checks.counter_within_bounds(),),
    judged=("add", "read"),
    read_back=False,
    seconds=0.5,
)


@pytest.mark.parametrize("allow", [False, True])
def test_keys_of_the_state_layer_are_removed_or_not_written_at_all(stranger, allow, tmp_path):
    client = stranger()
    url = f"redis://127.0.0.1:{port_of(client)}"
    with DeploymentPool(Means(url=url, allow_destructive=allow)) as pool:
        result = run(COUNTED, pool, seed=1, runs_dir=tmp_path)
        assert result.verdict is (Verdict.VALID if allow else Verdict.UNKNOWN)
        assert allow or "--allow-destructive" in result.not_run
        assert client.keys() == ([MARK] if allow else [])
    assert client.keys() == []


def test_data_in_another_database_is_data_too(stranger):
    client = stranger()
    with redis.Redis(port=port_of(client), db=3) as third:
        third.set("portfolio", "x")
        client.set(MARK, "yes")
        url = f"redis://127.0.0.1:{port_of(client)}"
        with pytest.raises(UsageError, match="database 3 holds 1 keys"):
            deploy(SINGLE, Means(url=url, allow_destructive=True))
        third.set(MARK, "yes")
        with DeploymentPool(Means(url=url, allow_destructive=True)) as pool:
            pool.take(SINGLE)
            assert third.dbsize() == 0
            assert client.keys() == [MARK]
        assert client.keys() == []


def test_without_the_right_only_links_are_acted_on(standing, recorder):
    with deploy(PLAIN, means_of(standing, allow=False)) as found, Nemesis(found, recorder) as nemesis:
        assert nemesis.inject(Latency(ms=100), "primary").observed
        for fault, target in ((OutOfMemory(), "primary"), (Failover(), "primary")):
            with pytest.raises(UsageError, match="needs --arbredis-allow-destructive"):
                nemesis.begin(fault, target)
        with pytest.raises(UsageError, match=r"arbredis\.drill=allowed"):
            nemesis.begin(Crash(), "primary")
        nemesis.heal_all()
    assert standing.primary().client.keys() == []
    assert not standing.proxies_differ()


def test_what_a_run_writes_without_the_right_expires_and_is_removed(standing, tmp_path):
    with DeploymentPool(means_of(standing, allow=False)) as pool:
        result = run(LINKS, pool, seed=3, runs_dir=tmp_path)
        assert result.verdict is Verdict.VALID, result.findings
        snapshots = [
            event.data["keys"]
            for event in result.history.events
            if event.name == "note" and event.data.get("kind") == "keyspace"
        ]
        assert len(snapshots) == 3
        assert all(expiry > 0 for keys in snapshots for _, _, expiry in keys.values())
        assert len(snapshots[0]) > 100
        assert standing.primary().client.keys() == []


def test_what_a_scenario_asks_for_is_not_changed_without_the_right(standing, tmp_path):
    topology = topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"})
    scenario = dataclasses.replace(LINKS, topology=topology)
    with DeploymentPool(means_of(standing, allow=False)) as pool:
        assert "appendonly yes, and n0 has 'no'" in run(scenario, pool, seed=3, runs_dir=tmp_path).not_run
    assert standing.primary().client.config_get("appendonly") == {"appendonly": "no"}


def test_with_the_right_it_is_brought_to_what_is_asked_and_back(standing, recorder):
    asked = topologies.sentinel(replicas=2, sentinels=3, timing="production", conf={"maxmemory": "64mb"})
    for sentinel in standing.sentinels:
        sentinel.client.execute_command("SENTINEL", "SET", "arbredis", "down-after-milliseconds", "777")
    with DeploymentPool(means_of(standing, allow=True)) as pool:
        found = pool.take(PLAIN)
        assert not found.unsuited
        assert found.described["timing"] == "fast"
        assert standing.sentinels[0].client.sentinel_master("arbredis")["down-after-milliseconds"] == 500
        old = found.primary()
        old.client.set("left", "by a test")
        with Nemesis(found, recorder) as nemesis:
            assert nemesis.inject(Failover(), "primary").observed
        assert pool.take(asked) is found
        assert found.primary().name == "n0"
        assert found.primary().direct != old.direct
        assert found.primary().client.keys() == [MARK]
        assert {node.client.config_get("maxmemory")["maxmemory"] for node in found.nodes} == {str(64 * 2**20)}
        assert standing.sentinels[0].client.sentinel_master("arbredis")["down-after-milliseconds"] == 777
        assert not found.unsuited
        assert found.described["timing"] == "as deployed"
        assert pool.take(SINGLE) is found  # a single one is any primary
        assert not found.unsuited
        assert found.described["timing"] == "as deployed"
    for node in standing.nodes:
        assert node.client.config_get("maxmemory") == {"maxmemory": "0"}
        assert node.client.keys() == []


def test_what_tests_wrote_without_the_right_is_not_flushed(standing):
    with DeploymentPool(means_of(standing, allow=False)) as pool:
        pool.take(PLAIN)
        standing.primary().client.set("mine", "1")
        with pytest.raises(UsageError, match="such as 'mine'"):
            pool.take(PLAIN)
    assert standing.primary().client.getdel("mine") == "1"


def test_proxies_and_toxics_of_others_stay(standing):
    primary = standing.primary()
    others = ToxiproxyClient(standing.control.address)
    others.create("theirs", "127.0.0.1:0", "127.0.0.1:9")
    try:
        others.disable("theirs")
        others.add_toxic(primary.name, LatencyToxic(latency_ms=1), name="theirs")
        with DeploymentPool(means_of(standing, allow=False)) as pool:
            found = pool.take(PLAIN)
            found.control.add_toxic(found.primary().name, LatencyToxic(latency_ms=2), name="arbredis-left")
            assert "arbredis-left" in found.proxies_differ()
            assert pool.take(PLAIN) is found
        states = others.proxies()
        assert [toxic.name for toxic in states[primary.name].toxics] == ["theirs"]
        assert not states["theirs"].enabled
    finally:
        others.delete("theirs")
        others.remove_toxic(primary.name, "theirs")
        others.close()


def test_two_drills_at_a_time_are_refused(standing):
    means = means_of(standing, allow=False)
    refused = pytest.raises(UsageError, match="another drill of this machine uses these servers")
    with deploy(PLAIN, means), refused:
        deploy(PLAIN, means)


def test_without_a_control_a_fault_on_a_link_is_refused(stranger, recorder):
    client = stranger()
    with (
        deploy(SINGLE, Means(url=f"redis://127.0.0.1:{port_of(client)}")) as found,
        Nemesis(found, recorder) as nemesis,
        pytest.raises(UsageError, match="give --arbredis-control=URL"),
    ):
        nemesis.inject(Latency(ms=100), "primary")


def test_a_password_opens_and_is_never_shown(stranger, capsys):
    client = stranger("--requirepass", "se cret@1", password="se cret@1")  # noqa: S106 - of a Redis that lives for this test
    port = port_of(client)
    with deploy(SINGLE, Means(url=f"redis://:se%20cret%401@127.0.0.1:{port}", allow_destructive=True)) as found:
        assert found.primary().client.get(MARK)
        assert "cret" not in repr(found.described) + repr(found.nodes) + repr(found.login)
    assert client.keys() == []
    with pytest.raises(HarnessError, match="with this password") as wrong:
        deploy(SINGLE, Means(url=f"redis://:wrong-one@127.0.0.1:{port}"))
    assert "wrong-one" not in str(wrong.value)
    assert (
        status_of(["drill", "pytest_arbredis.scenarios.retries:POOL", "--url", f"redis://:wrong-one@127.0.0.1:{port}"])
        == 4
    )
    told = capsys.readouterr()
    assert "wrong-one" not in told.out + told.err


def test_another_topology_than_asked_for_is_said(stranger):
    client = stranger()
    with pytest.raises(UsageError, match="asks for the topology sentinel, and these servers are single"):
        deploy(PLAIN, Means(url=f"redis://127.0.0.1:{port_of(client)}"))


@pytest.mark.docker
def test_a_container_that_is_allowed_is_found_behind_its_proxy_and_crashes(tmp_path, recorder):
    import docker

    engine = docker.from_env()
    conf = '[{"name": "theirs", "listen": "0.0.0.0:6379", "upstream": "real-redis:6379", "enabled": true}]'
    (tmp_path / "proxies.json").write_text(conf)
    with contextlib.ExitStack() as undo:
        undo.callback(engine.close)
        slot = undo.enter_context(claim(size=3))
        redis_port, proxied, control = (slot.take() for _ in range(3))
        network = engine.networks.create(f"arbredis-test-{redis_port}")
        undo.callback(network.remove)
        server = engine.containers.create(
            "arbredis/redis",
            ["--protected-mode", "no", "--appendonly", "yes"],
            network=network.name,
            labels={"arbredis.drill": "allowed"},
            ports={"6379/tcp": ("127.0.0.1", redis_port)},
        )
        undo.callback(server.remove, force=True, v=True)
        network.disconnect(server)
        network.connect(server, aliases=["real-redis"])
        proxy = engine.containers.create(
            "arbredis/toxiproxy",
            ["-host=0.0.0.0", "-config=/conf/proxies.json"],
            network=network.name,
            volumes=[f"{tmp_path}:/conf:ro"],
            ports={"6379/tcp": ("127.0.0.1", proxied), "8474/tcp": ("127.0.0.1", control)},
        )
        undo.callback(proxy.remove, force=True, v=True)
        server.start()
        proxy.start()
        client = undo.enter_context(redis.Redis(port=proxied))
        wait_until(lambda: _answers(client), within_s=10, what="the Redis behind its proxy")
        means = Means(url=f"redis://127.0.0.1:{proxied}", control=f"http://127.0.0.1:{control}", allow_destructive=True)
        with deploy(SINGLE, means) as found, Nemesis(found, recorder) as nemesis:
            (node,) = found.nodes
            assert (node.proxied, node.direct) == (("127.0.0.1", proxied), ("127.0.0.1", redis_port))
            client.set("bots", "own")
            with contextlib.ExitStack() as slow:
                injection = nemesis.inject(Latency(ms=120), "primary")
                slow.callback(nemesis.heal, injection)
                assert injection.observed
            crash = nemesis.inject(Crash(), "primary")
            assert crash.observed
            assert node.server.exit_status() == -signal.SIGKILL
            nemesis.heal(crash)
            assert client.get("bots") == b"own"
        assert client.get("bots") == b"own"  # the end of a game day removes what is ours, and nothing else


def _answers(client):
    with contextlib.suppress(redis.ConnectionError):
        return client.ping()
