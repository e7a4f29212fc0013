"""Faults of a server: it stops, forgets, refuses, or becomes a replica."""

from __future__ import annotations

import pytest
import redis
from fault_cases import PLAIN, Case, NullRedis, lying_redis, lying_server, unreachable

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults import busy_script, demotion, empty_restart
from pytest_arbredis.faults.busy_script import BusyScript
from pytest_arbredis.faults.demotion import Demotion
from pytest_arbredis.faults.empty_restart import EmptyRestart
from pytest_arbredis.faults.eviction import Eviction
from pytest_arbredis.faults.max_clients import MaxClients
from pytest_arbredis.faults.no_replicas import NoReplicas
from pytest_arbredis.faults.stop import Stop

POSITIONS = [f"position:{index}" for index in range(40)]
PAGE = b"\x00" * 4096


def written(client, *, ttl_s=None):
    """Forty positions, then 6 MB of other things, three times what there is room for; none of it is refused."""
    pipeline = client.pipeline(transaction=False)
    for key in POSITIONS:
        pipeline.set(key, "open", ex=ttl_s)
    pipeline.execute()
    for _ in range(24):
        for index in range(64):
            pipeline.set(f"page:{index}:{client.incr('pages')}", PAGE, ex=ttl_s)
        assert all(pipeline.execute())


def forgotten(client, _):
    written(client)
    assert client.exists(*POSITIONS) < len(POSITIONS)


def forgotten_where_it_expires(client, _):
    for key in POSITIONS:
        client.set(f"kept:{key}", "open")
    written(client, ttl_s=3600)
    assert client.exists(*POSITIONS) < len(POSITIONS)
    assert client.exists(*(f"kept:{key}" for key in POSITIONS)) == len(POSITIONS)


def read_only_for_ever(client, deployment):
    connection = client.client_id()
    with pytest.raises(redis.exceptions.ReadOnlyError):
        client.set("k", "during")
    assert client.get("k") == b"before"
    assert client.client_id() == connection
    if deployment.sentinels:
        wait_until(lambda: leads(deployment) not in {"", "n0"}, within_s=10, what="Sentinels that name another")
        with pytest.raises(redis.exceptions.ReadOnlyError):
            client.set("k", "during")
        assert client.client_id() == connection


def leads(deployment):
    """The node that every Sentinel names, or nothing."""
    named = {sentinel.client.sentinel_get_master_addr_by_name("arbredis") for sentinel in deployment.sentinels}
    return deployment.addresses[named.pop()] if len(named) == 1 else ""


def busy(client, _):
    for _attempt in range(2):
        with pytest.raises(redis.ResponseError, match="BUSY Redis is busy running a script"):
            client.set("k", "during")


def full(client, deployment):
    assert client.set("k", "during")
    host, port = deployment.nodes[0].proxied
    with redis.Redis(host=host, port=port, **PLAIN) as late, pytest.raises(redis.ConnectionError):
        late.get("k")
    client.connection_pool.disconnect()
    with pytest.raises(redis.ConnectionError):
        client.get("k")


def unreplicated_writes_refused(client, deployment):
    with pytest.raises(redis.ResponseError, match="NOREPLICAS"):
        client.set("k", "during")
    assert client.get("k") == b"before"
    assert deployment.nodes[0].client.get("k") == "before"


def wiped(client, deployment):
    wait_until(lambda: served(client), within_s=5, what="a connection to the new process")
    assert client.get("k") is None
    assert [node.client.dbsize() for node in deployment.nodes] == [0] * len(deployment.nodes)
    assert deployment.primary().name == "n0"


def served(client):
    try:
        return client.ping()
    except redis.ConnectionError:
        return False


def nobody_calls(_, monkeypatch):
    """The script is accepted and never run."""
    monkeypatch.setattr(busy_script, "SCRIPT", "return 1")


def no_slot_is_taken(deployment, monkeypatch):
    """What its own connections ask for is accepted and not done, either."""
    lying_redis(deployment, monkeypatch)
    for node in deployment.nodes:
        connect = node.connect
        monkeypatch.setattr(node, "connect", lambda connect=connect, **how: NullRedis(connect(**how)))


def nobody_takes_over(deployment, monkeypatch):
    """FAILOVER is accepted and nothing follows."""
    monkeypatch.setattr(demotion, "NOTICED_WITHIN_S", 0.2)
    lying_redis(deployment, monkeypatch)


def files_stay(_, monkeypatch):
    """It is restarted, and nothing is removed."""
    monkeypatch.setattr(empty_restart, "_remove_data", lambda *_: None)


EVICTED = r"n0: \d+ of a probe's 32 keys gone after it wrote \d+ kB, \d+ evicted \({policy}\)"

CASES = {
    "stop": Case(
        fault=Stop(), evidence=r"n0: exit status 0, port \d+ refuses connections", felt=unreachable, lie=lying_server
    ),
    "eviction": Case(
        fault=Eviction(headroom_mb=2),
        evidence=EVICTED.format(policy="allkeys-lru"),
        felt=forgotten,
        lie=lying_redis,
        file_clean_of=("maxmemory",),
    ),
    "eviction_of_what_expires": Case(
        fault=Eviction(policy="volatile-ttl", headroom_mb=2),
        evidence=EVICTED.format(policy="volatile-ttl"),
        felt=forgotten_where_it_expires,
        lie=lying_redis,
        launchers=("process",),
        file_clean_of=("maxmemory",),
    ),
    "demotion": Case(
        fault=Demotion(),
        evidence=r"n0: refuses a write with READONLY, follows n1",
        felt=read_only_for_ever,
        lie=nobody_takes_over,
        file_clean_of=("replica-priority 1000000",),
    ),
    "demotion_without_sentinels": Case(
        fault=Demotion(),
        evidence=r"n0: refuses a write with READONLY, follows n1",
        felt=read_only_for_ever,
        lie=nobody_takes_over,
        topology=topologies.replicated(replicas=2),
        launchers=("process",),
    ),
    "demotion_without_replicas": Case(
        fault=Demotion(),
        evidence=r"n0: refuses a write with READONLY, follows nobody",
        felt=read_only_for_ever,
        lie=lying_redis,
        topology=topologies.single(),
        launchers=("process",),
    ),
    "busy_script": Case(
        fault=BusyScript(),
        evidence=r"n0: answers a PING with BUSY",
        felt=busy,
        lie=nobody_calls,
        file_clean_of=("busy-reply-threshold", "lua-time-limit"),
    ),
    "max_clients": Case(
        fault=MaxClients(),
        evidence=r"n0: a new connection is refused, max number of clients reached, \d+ rejected so far",
        felt=full,
        lie=no_slot_is_taken,
        file_clean_of=("maxclients",),
    ),
    "no_replicas": Case(
        fault=NoReplicas(),
        evidence=r"n0: refuses a write with NOREPLICAS, [012] good replicas of 3",
        felt=unreplicated_writes_refused,
        lie=lying_redis,
        file_clean_of=("min-replicas-to-write",),
    ),
    "empty_restart": Case(
        fault=EmptyRestart(),
        evidence=r"n0: process \d+ instead of \d+ loaded nothing; n0: 0 keys, n1: 0 keys, n2: 0 keys",
        felt=wiped,
        lie=files_stay,
    ),
}
