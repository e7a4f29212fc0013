"""Power loss and slow disk: what is refused before anything is done, and what a probe takes for a sign."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import redis

from pytest_arbredis import topologies
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults import slow_disk
from pytest_arbredis.faults.power_loss import PowerLoss
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.faults.slow_disk import SlowDisk
from pytest_arbredis.testing.clock import ManualClock
from pytest_arbredis.topology.capabilities import lacking


@pytest.mark.parametrize("fsync_ms", [9, 5001, 100.0, True, "100"])
def test_a_delay_that_would_not_be_seen_or_never_end_is_refused(fsync_ms):
    with pytest.raises(UsageError, match=r"fsync_ms="):
        SlowDisk(fsync_ms=fsync_ms)


def test_a_topology_notes_what_is_synced_only_where_it_is_asked_to():
    assert not topologies.single().power
    assert topologies.single(power=True) != topologies.single()
    for kind in ("single", "replicated", "sentinel", "dual"):
        assert topologies.named(kind, power=True).power
    assert str(topologies.single(power=True)) == "single with its syncs noted"
    with pytest.raises(UsageError, match="power='yes'"):
        topologies.single(power="yes")


def test_a_restart_ends_a_loss_of_power():
    assert "power_loss" in FAULTS["restart"].nature.ends


@pytest.mark.parametrize("fault", [PowerLoss, SlowDisk])
def test_servers_of_somebody_else_cannot_note_what_they_sync(fault):
    external = SimpleNamespace(launcher=SimpleNamespace(name="external"), refuses=lambda _: "")
    assert "which is not ours here" in lacking(external, [need for need in fault.nature.needs if need == "power"])


class Server:
    """A server whose syncs are under way at some times; each look at it takes a millisecond."""

    name = "n0"

    def __init__(self, clock, *, appendfsync="everysec", pending_ms=(), write_ms=0):
        self.client = self
        self.clock = clock
        self.conf = {"appendonly": "yes", "appendfsync": appendfsync}
        self.pending_ms = pending_ms
        self.write_ms = write_ms

    def connect(self, **_):
        return self

    def close(self):
        """Nothing."""

    def config_get(self, name):
        return {name: self.conf[name]}

    def set(self, *_):
        self.clock.sleep(self.write_ms / 1000)

    def unlink(self, *_):
        """Nothing."""

    def info(self, _):
        self.clock.sleep(0.001)
        now_ms = self.clock.now_ns() / 1e6
        return {"aof_pending_bio_fsync": sum(began <= now_ms < ended for began, ended in self.pending_ms)}


@pytest.fixture
def clock(monkeypatch):
    clock = ManualClock()
    monkeypatch.setattr(slow_disk, "CLOCK", clock)
    return clock


def seen(server, fsync_ms=500):
    return SlowDisk(fsync_ms=fsync_ms).observe(SimpleNamespace(nodes=(server,)))


@pytest.mark.parametrize(("pending_ms", "is_seen"), [((), False), (((50, 60),), False), (((50, 560),), True)])
def test_a_sync_in_the_background_is_slow_if_it_is_under_way_for_so_long(clock, pending_ms, is_seen):
    start = clock.now_ns() / 1e6
    moved = tuple((start + began, start + ended) for began, ended in pending_ms)
    assert bool(seen(Server(clock, pending_ms=moved))) is is_seen


@pytest.mark.parametrize(("write_ms", "is_seen"), [(1, False), (399, False), (401, True)])
def test_a_write_that_is_synced_is_slow_if_it_takes_so_long(clock, write_ms, is_seen):
    assert bool(seen(Server(clock, appendfsync="always", write_ms=write_ms))) is is_seen


def test_a_server_that_takes_no_writes_shows_nothing(clock):
    server = Server(clock)

    def refuses(*_):
        raise redis.exceptions.ReadOnlyError("READONLY")

    server.set = refuses
    assert seen(server) == ""
