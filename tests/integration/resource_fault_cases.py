"""Cases of the faults of what a server lives on: its data at a start, its disk, its container."""

from __future__ import annotations

import time

import pytest
import redis
from fault_cases import SENTINEL, Case, NullServer, lying_redis, unreachable

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults.cpu_quota import CpuQuota
from pytest_arbredis.faults.disk_full import DiskFull
from pytest_arbredis.faults.freeze import Freeze
from pytest_arbredis.faults.loading import Loading
from pytest_arbredis.faults.memory_limit import MemoryLimit

SUM = "local sum = 0 for i = 1, 2000000 do sum = sum + i end return sum"
"""Some 10 ms of processor."""


class NullConfined(NullServer):
    """Accepts every limit, and sets none."""

    def limit_memory(self, limit_bytes):
        """Nothing."""

    def limit_cpu(self, percent):
        """Nothing."""

    def freeze(self):
        """Nothing."""

    def thaw(self):
        """Nothing."""

    def confinement(self):
        return self.real.confinement()

    def throttled_periods(self):
        return self.real.throttled_periods()


def lying_engine(deployment, monkeypatch):
    """The container engine says yes and does nothing."""
    for node in deployment.servers:
        monkeypatch.setattr(node, "server", NullConfined(node.server))


def loading_and_nobody_promoted(client, deployment):
    """Refused with LOADING for longer than a Sentinel's patience, and then served as before by the same primary."""
    first, *_ = deployment.nodes
    with pytest.raises(redis.exceptions.BusyLoadingError):
        client.get("k")
    began = time.monotonic()
    wait_until(lambda: not first.client.info("persistence")["loading"], within_s=10, what="all data in memory")
    assert time.monotonic() - began > 2 * deployment.timing.down_after_ms / 1000
    assert client.get("k") == b"before"
    assert deployment.primary() is first
    for sentinel in deployment.sentinels:
        assert sentinel.client.sentinel_get_master_addr_by_name("arbredis") == first.proxied
        assert "+sdown master" not in log_since_last_start(first, sentinel)


def log_since_last_start(node, sentinel):
    """What a Sentinel wrote since it noticed the restart of a node."""
    return sentinel.server.log_path.read_text().rpartition(f"+reboot master arbredis {node.proxied[0]}")[2]


def misconfigured(client, _):
    with pytest.raises(redis.ResponseError, match=r"^MISCONF .*unable to persist to disk"):
        client.set("k", "during")
    assert client.get("k") == b"before"


def misconfigured_and_replaced(client, deployment):
    """Sentinels hold MISCONF for no sign of life."""
    with pytest.raises(redis.ResponseError, match=r"^MISCONF"):
        client.set("k", "during")
    wait_until(lambda: deployment.primary().name != "n0", within_s=10, what="another primary", every_s=0.05)
    assert deployment.primary().client.get("k") == "before"


def starved(client, _):
    """Some 50 ms of processor, a tenth of it to be had."""
    began = time.monotonic()
    for _script in range(5):
        client.eval(SUM, 0)
    assert time.monotonic() - began > 0.2


CASES = {
    "loading": Case(
        fault=Loading(seconds=2),
        evidence=r"n0: answers LOADING to a PING, \d+ % of its data loaded",
        felt=loading_and_nobody_promoted,
        lie=lying_redis,
        file_clean_of=("key-load-delay 1", "loading-process-events-interval-bytes 1024"),
    ),
    "disk_full": Case(
        fault=DiskFull(),
        evidence=r"n0: refuses a write with MISCONF, snapshot failed, 0 bytes left on its disk",
        felt=misconfigured,
        lie=lying_redis,
        topology=topologies.single(),
        launchers=("process",),
        file_clean_of=("full-disk", "save 3600"),
    ),
    "disk_full_under_sentinels": Case(
        fault=DiskFull(),
        evidence=r"n0: refuses a write with MISCONF, snapshot failed, 0 bytes left on its disk",
        felt=misconfigured_and_replaced,
        lie=lying_redis,
        launchers=("process",),
        file_clean_of=("full-disk", "save 3600"),
    ),
    "memory_limit": Case(
        fault=MemoryLimit(mb=32),
        evidence=r"n0: ended by the kernel for want of memory \(limit 32 MB, status -9\)",
        felt=unreachable,
        lie=lying_engine,
        topology=SENTINEL,
        launchers=("docker",),
    ),
    "cpu_quota": Case(
        fault=CpuQuota(percent=10),
        evidence=r"n0: a script had the processor for \d+ of \d+ ms \(\d+ %\), throttled in \d+ periods",
        felt=starved,
        lie=lying_engine,
        launchers=("docker",),
    ),
    "freeze": Case(
        fault=Freeze(),
        evidence=r"n0: its container is paused, no reply within 3\d\d ms",
        felt=unreachable,
        lie=lying_engine,
        launchers=("docker",),
    ),
}
