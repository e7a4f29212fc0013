"""What is shown of each fault of the network, and of clients' connections."""

from __future__ import annotations

import time

import pytest
import redis
from fault_cases import Case, lying_control, lying_redis

from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults.bandwidth import Bandwidth
from pytest_arbredis.faults.blackhole import Blackhole
from pytest_arbredis.faults.client_kill import ClientKill
from pytest_arbredis.faults.client_pause import ClientPause
from pytest_arbredis.faults.exposure import connections
from pytest_arbredis.faults.slice import Slice
from pytest_arbredis.faults.slow_close import SlowClose
from pytest_arbredis.faults.stall import Stall
from pytest_arbredis.topology.settled import MASTER_NAME


def took_s(call):
    """How long a call took."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


def slow_if_long(client, _):
    """40 KB take 0.2 s at 200 KB/s in either direction; what is short does not wait for them."""
    assert took_s(lambda: client.set("long", b"." * 40_000)) >= 0.15
    assert took_s(lambda: client.get("long")) >= 0.15
    assert took_s(lambda: client.get("k")) < 0.15


def unanswered(client, deployment, *, applied):
    """A write is not answered, and was applied or was not."""
    with pytest.raises(redis.TimeoutError):
        client.set("k", "during")
    assert deployment.nodes[0].client.get("k") == ("during" if applied else "before")


def unanswered_and_applied(client, deployment):
    """The write took effect."""
    unanswered(client, deployment, applied=True)


def unanswered_and_not_applied(client, deployment):
    """The write did not arrive."""
    unanswered(client, deployment, applied=False)


def ended_unnoticed(client, deployment):
    """A command on a connection that the server has ended is not answered until the end arrives."""
    number = client.client_id()
    began = time.monotonic()
    assert deployment.nodes[0].client.client_kill_filter(_id=number) == 1
    with pytest.raises(redis.ConnectionError, match="closed"):
        client.get("k")
    assert time.monotonic() - began >= 0.15


def whole_and_slow(client, _):
    """A reply of 2000 bytes is right, and comes in 512 pieces that are 0.2 ms apart."""
    assert client.set("long", b"0123456789" * 200)
    assert took_s(lambda: client.get("long")) >= 0.1
    assert client.get("long") == b"0123456789" * 200


def ended_and_served_again(client, deployment):
    """No connection is left, and a command makes one, once the end has come through the proxy."""
    assert connections(deployment.nodes[0]) == []

    def served() -> bool:
        try:
            return client.get("k") == b"before"
        except redis.ConnectionError:
            return False

    wait_until(served, within_s=5, what="a reply on a new connection")
    assert len(connections(deployment.nodes[0])) == 1


def unanswered_and_held_for_down(client, deployment):
    """Neither reads nor Sentinels' PINGs are answered: they hold it for down."""
    with pytest.raises(redis.TimeoutError):
        client.get("k")
    sentinel = deployment.sentinels[0].client
    wait_until(
        lambda: "s_down" in sentinel.sentinel_master(MASTER_NAME)["flags"] or not sentinel_names_n0(deployment),
        within_s=5,
        what="a Sentinel that holds n0 for down",
    )


def sentinel_names_n0(deployment):
    """The first Sentinel still names n0 as the primary."""
    named = deployment.sentinels[0].client.sentinel_get_master_addr_by_name(MASTER_NAME)
    return named == deployment.nodes[0].proxied


def writes_wait(client, deployment):
    """Reads are served, writes are not, and no Sentinel minds."""
    with pytest.raises(redis.TimeoutError):
        client.set("k", "during")
    assert client.get("k") == b"before"
    assert sentinel_names_n0(deployment)


CASES = {
    "bandwidth": Case(
        fault=Bandwidth(kb_per_s=200),
        evidence=r"n0: 20 KB to and fro in (1[6-9]|[2-9]\d)\d ms, against \d+\.\d ms directly",
        felt=slow_if_long,
        lie=lying_control,
    ),
    "stall": Case(
        fault=Stall(),
        evidence=r"n0: a request has not arrived after 3\d\d ms, answers directly",
        felt=unanswered_and_not_applied,
        lie=lying_control,
    ),
    "blackhole": Case(
        fault=Blackhole(),
        evidence=r"n0: a request arrived, no reply within 3\d\d ms, answers directly",
        felt=unanswered_and_applied,
        lie=lying_control,
    ),
    "blackhole_of_requests": Case(
        fault=Blackhole(direction="requests"),
        evidence=r"n0: a request never arrived, no reply within 3\d\d ms, answers directly",
        felt=unanswered_and_not_applied,
        lie=lying_control,
        launchers=("process",),
    ),
    "slow_close": Case(
        fault=SlowClose(ms=200),
        evidence=r"n0: a connection ended [12]\d\d ms late, \d+\.\d ms directly",
        felt=ended_unnoticed,
        lie=lying_control,
    ),
    "slice": Case(
        fault=Slice(bytes=4, delay_us=200),
        evidence=r"n0: 8 replies of 32 bytes in \d+ pieces, in 8 directly",
        felt=whole_and_slow,
        lie=lying_control,
    ),
    "client_kill": Case(
        fault=ClientKill(),
        evidence=r"n0: 1 connections of clients are gone",
        felt=ended_and_served_again,
        lie=lying_redis,
    ),
    "client_pause": Case(
        fault=ClientPause(ms=60_000),
        evidence=r"n0: pid \d+ runs, a PING is not answered within 300 ms",
        felt=unanswered_and_held_for_down,
        lie=lying_redis,
    ),
    "client_pause_of_writes": Case(
        fault=ClientPause(ms=60_000, writes_only=True),
        evidence=r"n0: a PUBLISH is not answered within 300 ms, a PING is",
        felt=writes_wait,
        lie=lying_redis,
    ),
}
