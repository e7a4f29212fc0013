"""A disk that a fault mounted is gone with its server's directory, whatever became of who mounted it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.servers.mounts import mounted_under
from pytest_arbredis.topology.capabilities import _may_mount

pytestmark = pytest.mark.skipif(
    not (sys.platform == "linux" and os.geteuid() == 0 and _may_mount()), reason="this user has no right to mount"
)

OWNER = """
import sys
from pathlib import Path
from pytest_arbredis.servers.mounts import mount_tmpfs
from pytest_arbredis.servers.supervision import Supervisor

root = Path(sys.argv[1])
with Supervisor(log=root.with_name("supervisor.log")) as supervisor:
    supervisor.remove_tree_on_exit(root)
    disk = root / "n0" / "full-disk"
    disk.mkdir(parents=True)
    mount_tmpfs(str(disk), size_bytes=65536)
    (disk / "filler").write_bytes(bytes(4096))
    print("mounted", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["goodbye", "SIGKILL"])
def test_a_mounted_disk_goes_with_its_owner(tmp_path, end):
    root = tmp_path / "a tree"
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        assert owner.stdout.readline() == "mounted\n"
        assert mounted_under(str(root)) == [str(root / "n0" / "full-disk")]
        if end == "SIGKILL":
            owner.send_signal(signal.SIGKILL)
        owner.stdin.close()
        owner.wait(10)
    wait_until(lambda: not root.exists(), within_s=5, what="the end of the tree")
    assert mounted_under(str(tmp_path)) == []
    assert (tmp_path / "supervisor.log").read_text() == ""
