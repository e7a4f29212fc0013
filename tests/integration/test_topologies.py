"""Every kind of topology, with one's own configuration, password, ACL, TLS, data and ports, on real servers."""

from __future__ import annotations

import socket

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import PortTakenError, ServerDiedError, UsageError
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.probe import contrast
from pytest_arbredis.servers.certificates import make
from pytest_arbredis.servers.ports import claim
from pytest_arbredis.topology.deploy import deploy
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.observer import Observer
from pytest_arbredis.topology.places import Places
from pytest_arbredis.topology.pool import DeploymentPool
from pytest_arbredis.topology.readback import keyspace
from pytest_arbredis.topology.settled import MASTER_NAME

ON_PROCESSES = pytest.mark.parametrize("launcher", ["process"], indirect=True, scope="session")
PROCESSES = Means(launcher="process")
ONCE = {"retry": Retry(NoBackoff(), 0), "socket_timeout": 0.5}
SECRET = 'a "secret" of one\'s own'  # noqa: S105 - the tests' own


def roles(deployment):
    return {node.name: (role := node.role()) and role.role for node in deployment.nodes}


def under_test(deployment, node=None):
    """A client as the code under test has it: the default user, through the proxy."""
    host, port = (node or deployment.primary()).proxied
    return redis.Redis(host, port, decode_responses=True, **deployment.login.options())


def fill(client):
    client.set("given", "at the start")
    client.rpush("list", *"abc")


def test_replicas_without_a_sentinel_follow_and_a_reset_undoes_a_promotion_by_hand(pool):
    deployment = pool.take(topologies.replicated(replicas=2))
    assert roles(deployment) == {"n0": "master", "n1": "slave", "n2": "slave"}
    assert [node.name for node in deployment.resolve("replicas")] == ["n1", "n2"]
    n0, n1, n2 = deployment.nodes
    n1.client.execute_command("REPLICAOF", "NO", "ONE")
    for node in (n0, n2):
        node.client.execute_command("REPLICAOF", *map(str, n1.proxied))
    deployment.settled()
    assert deployment.primary() is n1
    n1.client.set("left", "behind")
    assert pool.take(deployment.spec) is deployment
    assert roles(deployment) == {"n0": "master", "n1": "slave", "n2": "slave"}
    assert [node.client.dbsize() for node in deployment.nodes] == [0, 0, 0]


def test_two_independent_redis_have_a_primary_and_a_second(pool):
    deployment = pool.take(topologies.dual())
    trading, portfolio = deployment.resolve("nodes")
    assert deployment.resolve("primary") == (trading,)
    assert deployment.resolve("second") == (portfolio,)
    with pytest.raises(UsageError, match="no node is 'replicas'"):
        deployment.resolve("replicas")
    trading.client.set("kind", "trading")
    assert portfolio.client.get("kind") is None
    portfolio.client.execute_command("REPLICAOF", *map(str, trading.proxied))
    wait_until(lambda: portfolio.client.get("kind"), within_s=5, what="a replica by mistake")
    assert pool.take(deployment.spec) is deployment
    assert roles(deployment) == {"n0": "master", "n1": "master"}
    assert [node.client.dbsize() for node in deployment.nodes] == [0, 0]


@ON_PROCESSES
def test_a_password_is_asked_of_everybody_and_shown_to_nobody(pool, recorder):
    spec = topologies.sentinel(password=SECRET)
    deployment = pool.take(spec)
    assert deployment.nodes[0].role() is not None
    host, port = deployment.primary().proxied
    with pytest.raises(redis.AuthenticationError), redis.Redis(host, port, **ONCE) as stranger:
        stranger.ping()
    with under_test(deployment) as client:
        client.set("key", "value")
    assert contrast(deployment.primary()).through.answered
    with Observer(deployment, recorder), Nemesis(deployment, recorder) as nemesis:
        nemesis.inject(Crash(), "primary")
        wait_until(lambda: _another_primary(deployment), within_s=20, what="a failover")
        nemesis.heal_all()
        deployment.settled()
    asked = Sentinel([node.proxied for node in deployment.sentinels], socket_timeout=1)
    with asked.master_for(MASTER_NAME, **deployment.login.options()) as found:
        assert found.ping()
    assert "key" in keyspace(deployment.primary(), prefix="")
    told = (repr(spec), str(spec), repr(deployment.login), str(deployment.described), recorder.close())
    harness = deployment.nodes[0].login.password
    logs = [node.server.log_tail(1000) for node in deployment.servers]
    for text in (*map(str, told), *logs):
        assert SECRET not in text
        assert harness not in text


def _another_primary(deployment):
    """Every Sentinel names another one than n0."""
    named = {tuple(node.client.sentinel_get_master_addr_by_name(MASTER_NAME)) for node in deployment.sentinels}
    return deployment.nodes[0].proxied not in named


@ON_PROCESSES
def test_an_acl_that_lets_nobody_in_does_not_lock_the_harness_out(pool, tmp_path):
    users = tmp_path / "users.acl"
    users.write_text("# nobody but a bot\nuser default off\nuser bot on >hers ~bot:* &* +@all -@dangerous\n")
    deployment = pool.take(topologies.replicated(replicas=1, acl=users))
    host, port = deployment.primary().proxied
    with redis.Redis(host, port, **ONCE) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis(host, port, username="bot", password="hers") as bot:  # noqa: S106 - the test's own
        bot.set("bot:key", "value")
        with pytest.raises(redis.ResponseError, match="permissions"):
            bot.set("other", "value")
    deployment.nodes[0].client.execute_command("ACL", "SETUSER", "bot", "+@all", "~*")
    deployment.nodes[0].client.execute_command("ACL", "SAVE")
    assert pool.take(deployment.spec) is deployment
    bot = redis.Redis(host, port, username="bot", password="hers")  # noqa: S106 - the test's own
    with bot, pytest.raises(redis.ResponseError, match="permissions"):
        bot.set("other", "value")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("user bot on +@nothing\n", r"refuses the ACL file .*users\.acl"),
        ("user arbredis-harness off\n", r"users\.acl:1: the user arbredis-harness is the harness's own"),
        ("\nbot on nopass\n", r"users\.acl:2: 'bot on nopass' defines no user"),
    ],
)
def test_an_acl_file_that_cannot_be_used_is_a_usage_error(tmp_path, text, said):
    users = tmp_path / "users.acl"
    users.write_text(text)
    with pytest.raises(UsageError, match=said):
        deploy(topologies.single(acl=users), PROCESSES)


@ON_PROCESSES
def test_tls_is_spoken_by_clients_replicas_and_sentinels(pool):
    deployment = pool.take(topologies.sentinel(tls=True))
    host, port = deployment.primary().proxied
    with redis.Redis(host, port, **ONCE) as plain, pytest.raises(redis.RedisError):
        plain.ping()
    with under_test(deployment) as client, redis.from_url(deployment.login.url((host, port))) as by_url:
        client.set("key", "value")
        assert client.wait(2, 1000) == 2
        assert by_url.get("key") == b"value"
    info = deployment.nodes[1].client.info("replication")
    assert (info["master_port"], info["master_link_status"]) == (port, "up")
    found = contrast(deployment.primary(), rounds=3)
    assert found.through.answered
    assert found.direct.answered
    deployment.control.disable("n0")
    assert contrast(deployment.primary()).through.ending == "refused"
    assert pool.take(deployment.spec) is deployment


def test_a_directive_that_redis_refuses_is_a_usage_error():
    with pytest.raises(ServerDiedError, match=r"(?s)refuses its configuration.*nonsense"):
        deploy(topologies.single(conf={"nonsense": "1"}), PROCESSES)


def test_ones_own_certificate_is_used(tmp_path):
    files = make(tmp_path / "own")
    spec = topologies.single(tls={"cert": str(files.cert), "key": files.key, "ca": files.ca})
    with deploy(spec, PROCESSES) as deployment:
        assert deployment.login.ca == files.ca
        with under_test(deployment) as client:
            assert client.ping()


def test_data_is_there_at_the_start_and_again_after_each_reset(pool):
    deployment = pool.take(topologies.dual(load=fill))
    for _ in range(2):
        for node in deployment.nodes:
            with under_test(deployment, node) as client:
                assert client.get("given") == "at the start"
                assert client.lrange("list", 0, -1) == ["a", "b", "c"]
                client.set("given", "changed")
                client.delete("list")
        assert pool.take(deployment.spec) is deployment


@ON_PROCESSES
def test_data_of_an_rdb_file_is_there_with_expiry_databases_and_functions(pool, tmp_path):
    source = pool.take(topologies.single())
    client = source.nodes[0].client
    fill(client)
    client.set("passing", "soon", ex=1000)
    client.execute_command("SELECT", 3)
    client.set("third", "database")
    client.execute_command("SELECT", 0)
    client.function_load(
        "#!lua name=given\nredis.register_function{function_name='given', "
        "callback=function() return 7 end, flags={'no-writes'}}"
    )
    client.save()
    dump = tmp_path / "dump.rdb"
    dump.write_bytes((source.nodes[0].server.spec.directory / "dump.rdb").read_bytes())
    spec = topologies.replicated(replicas=1, load=dump, conf={"appendonly": "yes"})
    for _ in range(2):
        deployment = pool.take(spec)
        for node in deployment.nodes:
            loaded = node.client
            assert loaded.get("given") == "at the start"
            assert 0 < loaded.ttl("passing") <= 1000
            assert loaded.info("keyspace")["db3"]["keys"] == 1
            assert loaded.fcall_ro("given", 0) == 7
        deployment.nodes[0].client.flushall()


def test_data_that_cannot_be_loaded_is_a_usage_error(tmp_path):
    def broken(client):
        client.lpush("list", "a")
        client.get("list")

    with pytest.raises(UsageError, match=r"load=broken failed.*WRONGTYPE"):
        deploy(topologies.single(load=broken), PROCESSES)
    future = tmp_path / "dump.rdb"
    future.write_bytes(b"REDIS9999 of the future")
    with pytest.raises(UsageError, match=r"dump\.rdb could not be loaded by Redis"):
        deploy(topologies.single(load=future), PROCESSES)


@ON_PROCESSES
def test_a_version_that_is_not_there_is_refused_before_anything_starts(pool):
    there = pool.take(topologies.single()).described["redis"]
    assert pool.take(topologies.single(version=there.split(".")[0])).described["redis"] == there
    with pytest.raises(UsageError, match=rf"version='1\.2' is wanted, and the launcher 'process' has Redis {there}"):
        pool.take(topologies.single(version="1.2"))


def test_a_redis_conf_and_a_sentinel_conf_of_ones_own_are_in_force(tmp_path):
    conf = tmp_path / "redis.conf"
    conf.write_text(
        "# from production\nport 6379\nbind 10.0.0.1\ndir /var/lib/redis\nsave 900 1\nsave 300 10\n"
        f'maxmemory-policy "volatile-lru"\nrequirepass "{SECRET.replace(chr(34), chr(92) + chr(34))}"\n'
    )
    watching = tmp_path / "sentinel.conf"
    watching.write_text(
        "port 26379\nsentinel monitor mymaster 10.0.0.1 6379 1\nsentinel down-after-milliseconds mymaster 700\n"
        "sentinel resolve-hostnames yes\nsentinel auth-pass mymaster secret\n"
    )
    with deploy(topologies.sentinel(replicas=1, sentinels=1, conf=conf, sentinel_conf=watching), PROCESSES) as found:
        client = found.nodes[0].client
        assert client.config_get("save")["save"] == "900 1 300 10"
        assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "volatile-lru"
        with under_test(found) as entitled:
            assert entitled.ping()
        watched = found.sentinels[0].client.sentinel_master(MASTER_NAME)
        assert (watched["down-after-milliseconds"], watched["quorum"]) == (700, 1)
        asked = found.sentinels[0].client.execute_command("SENTINEL", "CONFIG", "GET", "resolve-hostnames")
        assert asked[1] == "yes"


def test_a_fixed_port_is_announced_and_one_that_is_taken_names_by_whom():
    with claim(2) as slot:
        fixed, taken = slot.take(), slot.take()
        means = Means(launcher="process", ports=(("primary", fixed), ("sentinel", 1)))
        with deploy(topologies.single(), means) as deployment:
            assert deployment.primary().proxied == ("127.0.0.1", fixed)
            with under_test(deployment) as client:
                assert client.ping()
            with pytest.raises(PortTakenError, match=rf"port {fixed}, which was asked for n0, is taken by pid \d+"):
                deploy(topologies.single(), means)
        with socket.create_server(("127.0.0.1", taken)):
            means = Means(launcher="process", ports=(("s0", taken),))
            with pytest.raises(PortTakenError, match=rf"port {taken}, which was asked for s0, is taken by pid \d+"):
                deploy(topologies.sentinel(replicas=1, sentinels=1), means)


def test_without_a_free_place_a_pool_has_one_deployment_at_a_time(tmp_path):
    first, second = topologies.single(), topologies.single(conf={"maxclients": "901"})
    places = Places(folder=tmp_path / "places", count=1)
    with DeploymentPool(PROCESSES, places=places) as pool, DeploymentPool(PROCESSES, places=places) as other:
        one = pool.take(first)
        elsewhere = other.take(first)
        assert elsewhere.nodes[0].is_running
        two = pool.take(second)
        assert not one.nodes[0].is_running
        assert two.nodes[0].is_running
        assert pool.take(second) is two
        assert other.take(first) is elsewhere
