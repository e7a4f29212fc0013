"""Faults of what a server lives on refuse at definition what could not be injected, and where they cannot be."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.confined import confined, confinement_of
from pytest_arbredis.faults.cpu_quota import CpuQuota
from pytest_arbredis.faults.disk_full import DiskFull
from pytest_arbredis.faults.freeze import Freeze
from pytest_arbredis.faults.loading import Loading, key_load_delay
from pytest_arbredis.faults.memory_limit import MemoryLimit
from pytest_arbredis.servers import mounts
from pytest_arbredis.servers.container import ContainerServer
from pytest_arbredis.servers.launcher import Confined
from pytest_arbredis.servers.process import ServerProcess
from pytest_arbredis.topology import capabilities
from pytest_arbredis.topology.capabilities import lacking


@pytest.mark.parametrize(
    ("fault", "arguments", "remedy"),
    [
        (Loading, {"seconds": 0}, "1 to 60 whole seconds"),
        (Loading, {"seconds": 61}, "1 to 60 whole seconds"),
        (Loading, {"seconds": 1.5}, "1 to 60 whole seconds"),
        (MemoryLimit, {"mb": 15}, "16 to 256 MB"),
        (MemoryLimit, {"mb": 257}, "16 to 256 MB"),
        (MemoryLimit, {"mb": 32.5}, "16 to 256 MB"),
        (CpuQuota, {"percent": 0}, "1 to 90 %"),
        (CpuQuota, {"percent": 91}, "1 to 90 %"),
        (CpuQuota, {"percent": True}, "1 to 90 %"),
    ],
)
def test_what_cannot_be_is_refused_at_definition_with_its_value(fault, arguments, remedy):
    ((field, value),) = arguments.items()
    with pytest.raises(UsageError) as refused:
        fault(**arguments)
    assert f"{field}={value!r}" in refused.value.cause
    assert remedy in refused.value.remedy


@pytest.mark.parametrize(
    ("seconds", "keys", "delay"), [(3, 12_000, 190), (1, 4_000, 190), (3, 1, 2_999_940), (3, 1_000_000, -20)]
)
def test_the_delay_at_each_key_is_such_that_all_take_so_long(seconds, keys, delay):
    """A nap of 1 µs takes 60; -n is one nap every n keys."""
    assert key_load_delay(seconds, keys) == delay


def test_containers_are_confined_and_processes_are_not():
    container = ContainerServer.__new__(ContainerServer)
    assert isinstance(container, Confined)
    node = SimpleNamespace(name="n0", server=ServerProcess.__new__(ServerProcess))
    assert confinement_of(node) is None
    with pytest.raises(UsageError, match="n0 is no container"):
        confined(node)


def deployed(launcher="process", **answers):
    client = SimpleNamespace(config_get=lambda _: answers)
    return SimpleNamespace(
        launcher=SimpleNamespace(name=launcher), nodes=(SimpleNamespace(client=client),), refuses=lambda _: ""
    )


@pytest.mark.parametrize("fault", [MemoryLimit, CpuQuota, Freeze])
def test_faults_of_containers_need_containers(fault):
    assert "launcher 'process'" in lacking(deployed(), fault.nature.needs)
    assert lacking(deployed("docker"), fault.nature.needs) == ""


def test_a_full_disk_needs_the_right_to_mount_and_a_server_that_may_be_moved(monkeypatch):
    needs = DiskFull.nature.needs
    assert "use the launcher 'process'" in lacking(deployed("docker"), needs)
    monkeypatch.setattr(capabilities, "_may_mount", lambda: False)
    assert "no right" in lacking(deployed(), needs)
    monkeypatch.setattr(capabilities, "_may_mount", lambda: True)
    monkeypatch.setattr(capabilities.os, "geteuid", lambda: 0)
    assert "enable-protected-configs" in lacking(deployed(**{"enable-protected-configs": "no"}), needs)
    assert lacking(deployed(**{"enable-protected-configs": "local"}), needs) == ""
    assert lacking(deployed(), needs) == ""


def test_mounts_in_a_directory_are_told_the_innermost_first(monkeypatch, tmp_path):
    table = tmp_path / "mounts"
    table.write_bytes(
        b"tmpfs /run tmpfs rw 0 0\n"
        b"tmpfs /srv/a\\040b/n0/disk tmpfs rw 0 0\n"
        b"tmpfs /srv/a\\040b/n0/disk/deeper tmpfs rw 0 0\n"
        b"tmpfs /srv/a\\040bc tmpfs rw 0 0\n"
    )
    monkeypatch.setattr(mounts, "MOUNTS", str(table))
    assert mounts.mounted_under("/srv/a b") == ["/srv/a b/n0/disk/deeper", "/srv/a b/n0/disk"]
    monkeypatch.setattr(mounts, "MOUNTS", str(tmp_path / "none"))
    assert mounts.mounted_under("/srv/a b") == []
