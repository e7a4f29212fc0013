"""Faults of the power and of the disk: what was not synced is gone, or is synced late."""

from __future__ import annotations

import time

from fault_cases import Case, unreachable

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.faults import power_loss, slow_disk
from pytest_arbredis.faults.power_loss import PowerLoss
from pytest_arbredis.faults.slow_disk import SlowDisk


def persisting(appendfsync):
    """One Redis with an append-only file, whose syncs are noted."""
    return topologies.single(conf={"appendonly": "yes", "appendfsync": appendfsync}, power=True)


def loaded(node):
    """It answers, and has read its files."""
    return not int(node.client.info("persistence")["loading"])


def dark_and_forgotten(client, deployment):
    unreachable(client, deployment)
    (node,) = deployment.nodes
    deployment.start_again(node)
    wait_until(lambda: loaded(node), within_s=10, what="its files to be read")
    assert node.client.get("k") is None


def synced_late(client, _):
    began = time.monotonic()
    assert client.set("k", "during")
    assert time.monotonic() - began >= 0.3


def acknowledged_at_once(client, _):
    began = time.monotonic()
    assert client.set("k", "during")
    assert time.monotonic() - began < 0.3


def nothing_is_cut(deployment, monkeypatch):
    """It is killed, and what was not synced stays."""
    deployment.nodes[0].client.set("k", "not synced")
    monkeypatch.setattr(power_loss, "cut_power", lambda _: None)


def nobody_delays(_, monkeypatch):
    monkeypatch.setattr(slow_disk, "set_delay", lambda *_, **__: None)


CASES = {
    "power_loss": Case(
        fault=PowerLoss(),
        evidence=r"n0: exit status -9, port \d+ refuses connections; n0: had \d+ bytes in files, \d+ are left, all of "
        r"them synced",
        felt=dark_and_forgotten,
        lie=nothing_is_cut,
        topology=persisting("no"),
    ),
    "slow_disk": Case(
        fault=SlowDisk(fsync_ms=300),
        evidence=r"n0: a write and its removal took \d+ ms",
        felt=synced_late,
        lie=nobody_delays,
        topology=persisting("always"),
    ),
    "slow_disk_in_the_background": Case(
        fault=SlowDisk(fsync_ms=400),
        evidence=r"n0: a sync was under way for \d+ ms",
        felt=acknowledged_at_once,
        lie=nobody_delays,
        topology=persisting("everysec"),
        launchers=("process",),
    ),
}
