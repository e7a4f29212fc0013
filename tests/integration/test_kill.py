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

from pytest_arbredis._clock import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_arbredis.history.history import History

pytestmark = [
    pytest.mark.alone,
    pytest.mark.skipif(sys.platform != "linux", reason="looks for leftovers in /proc"),
]

SEED = 20240229
KILLS = 10
EARLY = 5
FIRST_S, LAST_S = 0.2, 2.5
"""Seconds after the command began, for the early ones: imports, deployment, the begin of the load."""
LOAD_S = 3.2
"""Seconds after the load began, for the others: a fault, a crash, the failover."""
AT_ONCE = {"process": 5, "docker": 2}
"""Drills side by side; an engine removes containers one after the other, and the 2 s are promised to one drill."""
GONE_WITHIN_S = 2.0
"""Promised where a core is free; on a machine that others keep busy everything takes longer."""
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
    """What there was at the instant, and what was found afterwards."""

    at_s: float
    in_load: bool
    gone_s: float
    processes: int
    ports: int
    histories: list[History]


def instants() -> list[tuple[float, bool]]:
    """Seconds after the command began, or (True) after its load did: those are in the load on a slow machine too."""
    chance = random.Random(SEED)
    early = [(FIRST_S + (number + chance.random()) * (LAST_S - FIRST_S) / EARLY, False) for number in range(EARLY)]
    late = [((number + chance.random()) * LOAD_S / (KILLS - EARLY), True) for number in range(KILLS - EARLY)]
    return [instant for pair in zip(early, late, strict=True) for instant in pair]


def patience() -> float:
    """How much longer things take here, for the work that waited for a core before we began."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def kill_at(
    instant: tuple[float, bool], scenario: Path, runs: Path, launcher: str, *, within_s: float, group: bool = False
) -> Killed:
    """Start a drill, kill it at that instant, and see that nothing of it is left `within_s` later."""
    at_s, in_load = instant
    drill: Drill = start([str(scenario), "--launcher", launcher, "--seed", str(SEED)], runs=runs)
    try:
        if in_load:
            wait_until(lambda: any(history.ops for history in drill.histories()), within_s=30, what="the load")
        time.sleep(at_s)  # the instant is the point of the test
        assert drill.process.poll() is None, drill.process.communicate()
        ports, processes = drill.ports(), len(drill.processes())
        (os.killpg if group else os.kill)(drill.process.pid, signal.SIGKILL)
        assert drill.process.wait() == -signal.SIGKILL
        gone_s = drill.gone(ports, within_s=within_s, docker=launcher == "docker")
        return Killed(
            at_s=at_s,
            in_load=in_load,
            gone_s=gone_s,
            processes=processes,
            ports=len(ports),
            histories=drill.histories(),
        )
    finally:
        drill.end()


def test_sigkill_at_ten_random_instants_leaves_nothing_and_every_history_can_be_loaded(tmp_path, scenario, launcher):
    within_s = GONE_WITHIN_S * patience()
    with ThreadPoolExecutor(AT_ONCE[launcher]) as pool:
        trials = [
            pool.submit(kill_at, instant, scenario, tmp_path / f"runs{number}", launcher, within_s=within_s)
            for number, instant in enumerate(instants())
        ]
        killed = [trial.result() for trial in trials]
    assert len(killed) == KILLS
    # Nothing of this is vacuous: half were killed with their servers up, a load on record, and some with a fault.
    in_load = [one for one in killed if one.in_load]
    assert len(in_load) == KILLS - EARLY
    assert all(one.processes > SERVERS and one.ports >= 2 * SERVERS - 2 for one in in_load), killed
    assert all(one.histories[0].ops for one in in_load), killed
    assert any(one.histories[0].faults for one in in_load), killed


def test_sigkill_of_the_whole_process_group_leaves_nothing(tmp_path, scenario):
    killed = kill_at(
        (0.2, True), scenario, tmp_path / "runs", "process", within_s=GONE_WITHIN_S * patience(), group=True
    )
    assert killed.processes > SERVERS
    assert len(killed.histories) == 1
