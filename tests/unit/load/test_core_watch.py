"""Witnesses of the cores: they see what takes a core away, nothing ordinary, and end with their owner."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from pytest_arbredis._clock import CLOCK, wait_until
from pytest_arbredis.load import core_watch
from pytest_arbredis.load.core_watch import watched_cores
from pytest_arbredis.load.wakefulness import VARIABLE


def permitted():
    with watched_cores(CLOCK) as watch:
        return not watch.why_not


permission = pytest.mark.skipif(not permitted(), reason="real-time priority is not permitted here")


def test_turned_off_nothing_is_watched_and_the_reason_is_told(monkeypatch):
    monkeypatch.setenv(VARIABLE, "off")
    with watched_cores(CLOCK) as watch:
        pass
    assert watch.noted["why_not"] == "turned off"
    assert (watch.noted["cores"], watch.noted["waited_ns"], watch.noted["stalls"]) == (0, 0, [])


def test_without_permission_nothing_is_watched_and_no_error_raised(monkeypatch, tmp_path):
    refused = tmp_path / "witness.py"
    refused.write_text("raise PermissionError\n")
    monkeypatch.setattr(core_watch, "WITNESS", refused)
    with watched_cores(CLOCK) as watch:
        pass
    assert watch.cores == 0
    assert "not permitted" in watch.why_not


@permission
def test_every_core_is_watched_all_the_time():
    with watched_cores(CLOCK) as watch:
        wait_until(lambda: watch.cores, within_s=5, what="witnesses")
        began = time.monotonic_ns()
        wait_until(lambda: time.monotonic_ns() - began > 2e8, within_s=5, what="0.2 s")
    assert watch.cores == len(os.sched_getaffinity(0))
    assert watch.watched_ns >= 2e8


@permission
def test_a_real_time_process_that_takes_the_core_is_seen_by_its_witness():
    """As a hypervisor would: for 30 ms a process of higher priority has the core, and nobody else."""
    core = min(os.sched_getaffinity(0))
    thief = (
        f"import os, time; os.sched_setaffinity(0, {{{core}}}); os.sched_setscheduler(0, os.SCHED_FIFO, "
        "os.sched_param(2)); end = time.monotonic_ns() + 30_000_000\n"
        "while time.monotonic_ns() < end: pass\nprint(end)"
    )
    with watched_cores(CLOCK) as watch:
        done = subprocess.run([sys.executable, "-I", "-S", "-c", thief], capture_output=True, text=True, check=True)
    end_ns = int(done.stdout)
    assert any(
        length > 20_000_000 and begin < end_ns and end_ns - begin < 60_000_000 for begin, length in watch.stalls
    ), watch.stalls


@permission
def test_ordinary_work_on_every_core_delays_no_witness():
    """What a slow subject does: it computes. Stalls of the machine itself may be seen beside, but not its share."""
    work = "while True: pass"
    workers = [subprocess.Popen([sys.executable, "-c", work]) for _ in os.sched_getaffinity(0)]
    try:
        with watched_cores(CLOCK) as watch:
            began = time.monotonic_ns()
            wait_until(lambda: time.monotonic_ns() - began > 1e9, within_s=10, what="a second of work")
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert sum(length for _, length in watch.stalls) < 0.25 * watch.watched_ns
