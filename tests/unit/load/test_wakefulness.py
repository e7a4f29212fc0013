"""Cores kept awake: by what is permitted here, never at the price of an error, and never longer than wanted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.load import wakefulness
from pytest_arbredis.load.wakefulness import keep_awake

linux = pytest.mark.skipif(sys.platform != "linux", reason="SCHED_IDLE and cpu_dma_latency are Linux's")

OWNER = """
import sys, time
from pathlib import Path
from pytest_arbredis.load import wakefulness
wakefulness.DEVICE = Path("/nonexistent")
wakefulness._no_spinners = lambda cores: ""
with wakefulness.keep_awake() as awake:
    print(awake.cores, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def no_device(monkeypatch, tmp_path):
    monkeypatch.setattr(wakefulness, "DEVICE", tmp_path / "none")


@pytest.fixture
def spinners(monkeypatch, no_device):  # noqa: ARG001
    monkeypatch.setattr(wakefulness, "_no_spinners", lambda _: "")


def children(pid: int) -> list[int]:
    """Processes whose parent is this one, zombies not among them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def test_turned_off_it_does_nothing_and_says_so(monkeypatch):
    with keep_awake(wanted=False) as awake:
        assert (awake.cores, awake.why_not) == (0, "turned off")
    monkeypatch.setenv(wakefulness.VARIABLE, "off")
    with keep_awake() as awake:
        assert awake.noted == {"kind": "wakefulness", "cores": 0, "how": "", "why_not": "turned off"}


@linux
def test_a_device_that_takes_the_request_is_held_open_and_then_closed(monkeypatch, tmp_path):
    device, driver = tmp_path / "device", tmp_path / "driver"
    device.touch()
    driver.write_text("haltpoll\n")
    monkeypatch.setattr(wakefulness, "DEVICE", device)
    monkeypatch.setattr(wakefulness, "DRIVER", driver)
    held = f"/proc/{os.getpid()}/fd"

    def holders():
        return [one for one in Path(held).iterdir() if one.resolve() == device.resolve()]

    with keep_awake() as awake:
        assert awake.cores == len(os.sched_getaffinity(0))
        assert "without idle states" in awake.how
        assert len(holders()) == 1
    assert device.read_bytes() == b"\0\0\0\0"
    assert holders() == []


@linux
def test_a_kernel_without_idle_states_to_forbid_is_not_asked(monkeypatch, tmp_path):
    device, driver = tmp_path / "device", tmp_path / "driver"
    device.touch()
    driver.write_text("none\n")
    monkeypatch.setattr(wakefulness, "DEVICE", device)
    monkeypatch.setattr(wakefulness, "DRIVER", driver)
    monkeypatch.setattr(wakefulness, "_no_spinners", lambda _: "not here")
    with keep_awake() as awake:
        assert awake.why_not == "not here"
    assert device.read_bytes() == b""


@linux
def test_spinners_yield_to_everybody_one_a_core_and_end(spinners):  # noqa: ARG001
    before = children(os.getpid())
    with keep_awake() as awake:
        mine = [pid for pid in children(os.getpid()) if pid not in before]
        assert awake.cores == len(mine) == len(os.sched_getaffinity(0))
        assert {os.sched_getscheduler(pid) for pid in mine} == {os.SCHED_IDLE}
        assert sorted(core for pid in mine for core in os.sched_getaffinity(pid)) == sorted(os.sched_getaffinity(0))
    assert not set(mine) & set(children(os.getpid()))


@linux
def test_spinners_do_not_outlive_a_killed_owner():
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        cores = int(owner.stdout.readline())
        mine = children(owner.pid)
        assert len(mine) == cores
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        wait_until(
            lambda: not any(_runs(pid) for pid in mine), within_s=2, what="the spinners to have ended with their owner"
        )


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@linux
@pytest.mark.parametrize(
    ("quota", "count", "siblings", "why"),
    [
        ("cpu.max 50000 100000", 2, "0", "spinning would use up the CPU quota (cpu.max 50000 100000)"),
        ("", 9, "0", "9 cores, and spinners are for at most 8"),
        ("", 2, "0-1", "cores share hardware threads (0-1)"),
        ("", 2, "0", ""),
    ],
)
def test_no_spinner_where_it_would_do_harm(request, tmp_path, quota, count, siblings, why):  # noqa: PLR0917 - a table
    monkeypatch = request.getfixturevalue("monkeypatch")
    monkeypatch.setattr(wakefulness, "cpu_quota", lambda: quota)
    monkeypatch.setattr(wakefulness, "CORES", tmp_path)
    (tmp_path / "cpu0" / "topology").mkdir(parents=True)
    (tmp_path / "cpu0" / "topology" / "thread_siblings_list").write_text(siblings)
    assert wakefulness._no_spinners([*range(count)]) == why


@linux
def test_a_spinner_that_cannot_start_is_told_and_no_error(monkeypatch, spinners, tmp_path):  # noqa: ARG001
    monkeypatch.setattr(wakefulness, "SPINNER", tmp_path / "none.py")
    with keep_awake() as awake:
        assert awake.why_not.startswith("no spinner could be started: it ended at once")
