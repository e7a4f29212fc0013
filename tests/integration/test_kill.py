"""SIGKILL of a drill at any instant leaves nothing behind, and the history that it had begun can be loaded."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from drills import Drill, start

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_arbredis.history.history import History

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc")

SEED = 20240229
KILLS = 10
FIRST_S, LAST_S = 0.2, 5.2
AT_ONCE = {"process": 5, "docker": 2}
"""Drills side by side; an engine removes containers one after the other, and the 2 s are promised to one drill."""
GONE_WITHIN_S = 2.0
SERVERS = 7
"""Three data nodes, three Sentinels, and Toxiproxy."""

SCENARIO = """
from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads

SHORT = Scenario(
    name="short",
    promise="a drill that is killed",
    topology=topologies.sentinel(replicas=2, sentinels=3, conf={"appendonly": "yes"}),
    subject=subjects.sentinel(),
    workload=workloads.unique_writes(rate_hz=100, clients=2),
    faults=schedule.at(seconds=0.5).latency("primary", ms=20).lasting(seconds=0.5).at(seconds=1.3).crash("primary"),
    seconds=3.5,
    checks=(checks.losses_are_documented(),),
)
"""


@pytest.fixture
def scenario(tmp_path):
    path = tmp_path / "short.py"
    path.write_text(SCENARIO)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Killed:
    """What there was at the instant, and the histories that were found afterwards."""

    at_s: float
    gone_s: float
    processes: int
    ports: int
    histories: list[History]


def instants() -> list[float]:
    """One in each tenth of the time, in an order that mixes early and late ones."""
    chance = random.Random(SEED)
    width = (LAST_S - FIRST_S) / KILLS
    found = [FIRST_S + (number + chance.random()) * width for number in range(KILLS)]
    return found[::2] + found[1::2]


def kill_at(at_s: float, scenario: Path, runs: Path, launcher: str, *, group: bool = False) -> Killed:
    """Start a drill, kill it after `at_s` seconds, and see that nothing of it is left 2 s later."""
    drill: Drill = start([str(scenario), "--launcher", launcher, "--seed", str(SEED)], runs=runs)
    try:
        time.sleep(at_s)  # the instant is the point of the test
        assert drill.process.poll() is None, drill.process.communicate()
        ports, processes = drill.ports(), len(drill.processes())
        (os.killpg if group else os.kill)(drill.process.pid, signal.SIGKILL)
        assert drill.process.wait() == -signal.SIGKILL
        gone_s = drill.gone(ports, within_s=GONE_WITHIN_S, docker=launcher == "docker")
        return Killed(at_s=at_s, gone_s=gone_s, processes=processes, ports=len(ports), histories=drill.histories())
    finally:
        drill.end()


def test_sigkill_at_ten_random_instants_leaves_nothing_and_every_history_can_be_loaded(tmp_path, scenario, launcher):
    with ThreadPoolExecutor(AT_ONCE[launcher]) as pool:
        trials = [
            pool.submit(kill_at, at_s, scenario, tmp_path / f"runs{number}", launcher)
            for number, at_s in enumerate(instants())
        ]
        killed = sorted((trial.result() for trial in trials), key=lambda one: one.at_s)
    assert len(killed) == KILLS
    # Nothing of this is vacuous: half were killed with their servers up, some with a load and a fault on record.
    standing = [one for one in killed if one.processes > SERVERS and one.ports >= SERVERS]
    assert len(standing) >= KILLS // 2, killed
    begun = [history for one in killed for history in one.histories]
    assert sum(1 for history in begun if history.ops) >= KILLS // 3, killed
    assert any(history.faults for history in begun)
    print("GONE", sorted(round(one.gone_s,2) for one in killed), len(standing))
    assert max(one.gone_s for one in killed) < GONE_WITHIN_S + 0.5, killed


def test_sigkill_of_the_whole_process_group_leaves_nothing(tmp_path, scenario):
    killed = kill_at(2.0, scenario, tmp_path / "runs", "process", group=True)
    assert killed.processes >= SERVERS + 2
    assert len(killed.histories) == 1
