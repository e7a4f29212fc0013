"""What power loss and slow disk do beyond their cases: by the way of persisting, under Sentinels, where refused."""

from __future__ import annotations

import pytest
from fault_cases import client_of
from power_fault_cases import loaded, persisting

from pytest_arbredis import topologies
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import MissingBinaryError, UsageError
from pytest_arbredis.faults.bench import FaultBench
from pytest_arbredis.faults.crash import Crash
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.power_loss import PowerLoss
from pytest_arbredis.faults.restart import Restart
from pytest_arbredis.faults.slow_disk import SlowDisk
from pytest_arbredis.servers import sync_ledger
from pytest_arbredis.servers.sync_ledger_build import get_library
from pytest_arbredis.topology import capabilities
from pytest_arbredis.topology.capabilities import lacking

pytestmark = pytest.mark.parametrize("launcher", ["process"], indirect=True)  # its cases are run on both


@pytest.fixture(autouse=True)
def library():
    """Without a C compiler there is nothing to test."""
    try:
        return get_library(print)
    except MissingBinaryError as error:
        pytest.skip(str(error))


def without_power(deployment, recorder):
    """The power goes, and comes back."""
    (node,) = deployment.nodes
    with Nemesis(deployment, recorder) as nemesis:
        loss = nemesis.inject(PowerLoss(), "primary")
        assert loss.observed
        assert nemesis.inject(Restart(), "crashed").observed
        assert loss.healed
    wait_until(lambda: loaded(node), within_s=10, what="its files to be read")
    return node.client


def written(client, *names):
    for name in names:
        assert client.set(name, "v")


def test_always_keeps_what_was_acknowledged_through_two_losses_and_a_rewrite(pool, recorder):
    deployment = pool.take(persisting("always"))
    client = deployment.nodes[0].client
    written(client, "a", "b")
    assert without_power(deployment, recorder).mget("a", "b") == ["v", "v"]
    written(client, "c")
    client.bgrewriteaof()
    wait_until(
        lambda: not int(client.info("persistence")["aof_rewrite_in_progress"]), within_s=10, what="the rewritten file"
    )
    written(client, "d")
    assert without_power(deployment, recorder).mget("a", "b", "c", "d") == ["v"] * 4


def test_everysec_keeps_what_was_synced(pool, recorder):
    deployment = pool.take(persisting("everysec"))
    (node,) = deployment.nodes
    written(node.client, "early")
    (file,) = node.server.spec.directory.glob("appendonlydir/*.incr.aof")
    found = file.stat()

    def synced():
        return sync_ledger.read(node.server.spec.directory).sizes[sync_ledger.inode(found)] == found.st_size

    wait_until(synced, within_s=5, what="a sync")
    assert without_power(deployment, recorder).get("early") == "v"


def test_a_crash_keeps_what_was_written_and_a_loss_of_power_after_it_does_not(pool, recorder):
    deployment = pool.take(persisting("no"))
    (node,) = deployment.nodes
    written(node.client, "k")
    with Nemesis(deployment, recorder) as nemesis:
        nemesis.inject(Crash(), "primary")
        nemesis.inject(Restart(), "crashed")
    wait_until(lambda: loaded(node), within_s=10, what="its files to be read")
    assert node.client.get("k") == "v"
    assert without_power(deployment, recorder).get("k") is None


def test_a_snapshot_is_whole_or_the_one_before(pool, recorder):
    deployment = pool.take(topologies.single(power=True))
    client = deployment.nodes[0].client
    written(client, "a")
    client.save()
    written(client, "b")
    assert without_power(deployment, recorder).mget("a", "b") == ["v", None]
    written(client, "c")
    client.bgsave()
    wait_until(lambda: not int(client.info("persistence")["rdb_bgsave_in_progress"]), within_s=10, what="a snapshot")
    written(client, "d")
    assert without_power(deployment, recorder).mget("a", "c", "d") == ["v", "v", None]


def test_data_of_the_start_and_settings_are_kept(pool, recorder):
    deployment = pool.take(topologies.single(conf={"appendonly": "yes", "appendfsync": "no"}, power=True, load=loader))
    deployment.nodes[0].client.config_set("maxmemory", "100mb")
    deployment.nodes[0].client.config_rewrite()
    client = without_power(deployment, recorder)
    assert client.get("loaded") == "v"
    assert client.config_get("maxmemory") == {"maxmemory": str(100 * 2**20)}


def loader(client):
    client.set("loaded", "v")


def test_a_reset_after_a_loss_of_power_leaves_all_as_at_the_start(pool, recorder):
    spec = persisting("no")
    deployment = pool.take(spec)
    written(deployment.nodes[0].client, "k")
    without_power(deployment, recorder)
    again = pool.take(spec)
    assert again is deployment
    assert again.nodes[0].client.dbsize() == 0
    written(again.nodes[0].client, "k")
    assert without_power(again, recorder).get("k") is None


def test_under_sentinels_a_replica_takes_over_and_the_old_primary_follows(pool, recorder):
    deployment = pool.take(topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}, power=True))
    primary = deployment.primary()
    written(primary.client, "k")
    assert primary.client.wait(2, 5000) == 2
    with Nemesis(deployment, recorder) as nemesis:
        assert nemesis.inject(PowerLoss(), "primary").observed
        wait_until(lambda: leads(deployment, primary), within_s=15, what="another primary", every_s=0.05)
        assert nemesis.inject(Restart(), "crashed").observed
        with pytest.raises(UsageError, match="a loss of power of s0, a Sentinel"):
            nemesis.inject(PowerLoss(), "s0")
        with pytest.raises(UsageError, match="a slow disk of s0"):
            nemesis.inject(SlowDisk(fsync_ms=100), "s0")
    deployment.settled()
    assert {node.client.get("k") for node in deployment.nodes} == {"v"}


def leads(deployment, old):
    """A node that is not the old primary says that it leads."""
    return any((role := node.role()) and role.role == "master" for node in deployment.nodes if node is not old)


def test_who_was_connected_meets_a_loss_of_power_and_who_writes_a_slow_disk(pool, recorder):
    deployment = pool.take(persisting("always"))
    with Nemesis(deployment, recorder) as nemesis, client_of(deployment) as client:
        bench = FaultBench(nemesis)
        with bench.slow_disk(fsync_ms=100) as slow:
            client.set("k", "v")
        assert slow.met == "n0 ran 1 commands while it was in force"
        with bench.power_loss() as loss:
            pass
        assert loss.met == "1 connections to n0 were open when it came"
        assert bench.complaints() == []


@pytest.mark.parametrize("conf", [{}, {"appendonly": "yes", "appendfsync": "no"}])
def test_a_slow_disk_is_refused_where_nothing_is_synced(pool, recorder, conf):
    deployment = pool.take(topologies.single(conf=conf, power=True))
    with pytest.raises(UsageError, match="n0, which syncs no append-only file"):
        Nemesis(deployment, recorder).inject(SlowDisk(fsync_ms=100), "primary")


def test_what_is_missing_is_told(pool, deployment, monkeypatch):
    needs = PowerLoss.nature.needs
    assert "power=True" in lacking(deployment, needs)
    powered = pool.take(persisting("no"))
    assert lacking(powered, needs) == ""
    monkeypatch.setattr(capabilities, "is_kept", lambda _: False)
    assert lacking(powered, needs).startswith("n0 did not load the library")

    def none():
        raise MissingBinaryError("there is no library", remedy="get a compiler")

    monkeypatch.setattr(capabilities, "find_library", none)
    assert lacking(powered, needs) == "there is no library; get a compiler"
