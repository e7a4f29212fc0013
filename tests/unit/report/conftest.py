"""Sample runs as the harness records them: 500 Hz, a crash at 2 s, 1.3 s without service, a restart at 6 s."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import NOT_SENT, Event, Evidence, FaultRecord, Header, Op
from pytest_arbredis.report.result import RunResult

START = 7_000 * NS_PER_S
CRASH, BACK, RESTART, END, RATE_HZ = 2.0, 3.3, 6.0, 10.0, 500


def at(seconds: float) -> int:
    return START + round(seconds * NS_PER_S)


def failover_ops(chance: Random) -> list[Op]:
    """5000 operations that were due every 2 ms: in the gap two in three are never sent, and some stay unknown."""
    ops = []
    for number in range(int(END * RATE_HZ)):
        due = at(number / RATE_HZ)
        late = int(chance.lognormvariate(-1.6, 0.45) * NS_PER_MS)
        seconds = number / RATE_HZ
        op = Op(
            id=number,
            process=number % 8,
            name="write",
            key=f"k{number % 64}",
            input=f"v{number}",
            intended_ns=due,
            invoked_ns=due + late // 3,
            completed_ns=due + late,
            output="OK",
            outcome="ok",
            node="node-1" if seconds < CRASH else "node-2",
            attempts=1,
        )
        if CRASH <= seconds < BACK:
            kind = number % 9
            if kind == 0:
                wait = at(BACK) + chance.randrange(40 * NS_PER_MS)
                op = replace(op, invoked_ns=due + late, completed_ns=wait, attempts=3)
            elif kind < 3 or seconds < CRASH + 0.02:
                error = "TimeoutError: Timeout reading from socket"
                op = replace(op, outcome="unknown", output=None, error=error, node=None, completed_ns=due + 500_000_000)
            elif kind < 6:
                error = "ConnectionError: Error 111 connecting to 127.0.0.1:20001. Connection refused."
                op = replace(op, outcome="fail", output=None, error=error, node=None)
            else:
                op = replace(op, outcome="fail", output=None, error=NOT_SENT, node=None, attempts=0)
        ops.append(op)
    return ops


def failover_events() -> list[Event]:
    """Phases, a replication sample of each node every 50 ms while it lives, and what three Sentinels said."""
    events = [
        Event(name="phase", source="run", at_ns=at(seconds), data={"phase": phase})
        for seconds, phase in ((0, "load"), (CRASH, "fault"), (10.0, "heal"), (10.3, "settled"), (10.35, "final"))
    ]
    for sample in range(int(10.3 * 20)):
        seconds = sample / 20
        roles = {"node-3": "slave", "node-2": "slave" if seconds < 3.25 else "master"}
        if seconds < CRASH:
            roles["node-1"] = "master"
        elif seconds > 6.1:
            roles["node-1"] = "master" if seconds < 6.6 else "slave"
        for node, role in roles.items():
            data = {"role": role, "offset": 1000 * sample, "replid": "a" * 40}
            events.append(Event(name="replication", source=node, at_ns=at(seconds), data=data))
    story = (
        (2.52, "+sdown"),
        (2.58, "+odown"),
        (2.59, "+new-epoch"),
        (2.60, "+try-failover"),
        (2.64, "+elected-leader"),
        (2.70, "+selected-slave"),
        (3.24, "+promoted-slave"),
        (3.28, "+switch-master"),
    )
    for index, (seconds, name) in enumerate(story):
        for sentinel in range(3):
            data = {"event": name, "epoch": 1}
            source = f"sentinel-{sentinel + 1}"
            when = at(seconds + 0.011 * ((sentinel + index) % 3))
            events.append(Event(name="sentinel", source=source, at_ns=when, data=data))
    return events


def failover_faults() -> list[FaultRecord]:
    seen = Evidence(source="process table", at_ns=at(CRASH + 0.004), detail="pid 4711 of node-1 ended by signal 9")
    back = Evidence(source="INFO", at_ns=at(RESTART + 0.03), detail="node-1 answers, run id 5f0c.. is new")
    return [
        FaultRecord(
            id=1,
            name="crash",
            target="primary",
            nodes=("node-1",),
            params={"signal": "SIGKILL"},
            began_ns=at(CRASH),
            ended_ns=at(RESTART),
            evidence=seen,
        ),
        FaultRecord(
            id=2,
            name="restart",
            target="crashed",
            nodes=("node-1",),
            began_ns=at(RESTART),
            ended_ns=at(RESTART),
            evidence=back,
        ),
    ]


@pytest.fixture(scope="session")
def failover_history() -> History:
    header = Header(run="20250301T120000-failover", seed=42, subject="redis-py 8.1.0 Sentinel.master_for, WAIT 2")
    final = Op(
        id=90_000,
        process=99,
        name="read",
        key="k1",
        invoked_ns=at(10.4),
        completed_ns=at(10.4) + 90_000,
        outcome="ok",
        meta={"final": True},
    )
    records = [*failover_ops(Random(42)), final, *failover_events(), *failover_faults()]
    return History.of(header, records)


@pytest.fixture(scope="session")
def invalid_run(failover_history: History) -> RunResult:
    """A violated guarantee with a proof."""
    return RunResult(
        scenario="failover.crash_alone",
        kind="guarantee",
        promise="Writes that every replica confirmed survive the promotion; service is back within 3 s of the crash.",
        verdict=Verdict.INVALID,
        findings=(
            Finding(
                claim="acknowledged_writes_survive",
                verdict=Verdict.INVALID,
                summary="14 of 3021 acknowledged writes lost (RPO 212 ms)",
                proof=tuple(range(985, 999)),
                figures={"acknowledged": 3021, "lost": 14, "rpo_ms": 212.0},
                lines=("documented 12, unexpected 1, undecided 1", "all were acknowledged by node-1"),
            ),
            Finding(
                claim="recovers_within",
                verdict=Verdict.VALID,
                summary="service was back 1.31 s after the crash (3 s allowed)",
                figures={"recovered_s": 1.31, "allowed_s": 3},
            ),
            Finding(
                claim="latency_within_budget",
                verdict=Verdict.UNKNOWN,
                summary="GET p99 0.62 ms is over its budget, and so is the noise floor",
                figures={"p50_ms": 0.081, "p99_ms": 0.62, "p99_budget_ms": 0.5, "floor_p99_ms": 0.71, "n": 12000},
            ),
        ),
        history=failover_history,
        seed=42,
        deployment={
            "launcher": "process (auto: no Docker engine answers)",
            "redis": "7.0.15",
            "proxy": "toxiproxy 2.12.0",
            "topology": "sentinel, 2 replicas, 3 Sentinels",
            "timing": "fast",
        },
        duration_s=11.4,
        replay="arbredis drill failover.crash_alone --seed 42 --launcher process",
    )


@pytest.fixture
def valid_run(invalid_run: RunResult) -> RunResult:
    finding = Finding(
        claim="confirmed_writes_survive", verdict=Verdict.VALID, summary="none of 3021 confirmed writes was lost"
    )
    return replace(invalid_run, scenario="failover.wait_by_all", verdict=Verdict.VALID, findings=(finding,))


@pytest.fixture
def unknown_run(invalid_run: RunResult) -> RunResult:
    finding = Finding(
        claim="vacuity_guard", verdict=Verdict.UNKNOWN, summary="crash on primary was not observed by anything"
    )
    return replace(invalid_run, scenario="oom.refused", verdict=Verdict.UNKNOWN, findings=(finding,))


@pytest.fixture
def shown_hazard(invalid_run: RunResult) -> RunResult:
    return replace(
        invalid_run,
        scenario="lost_writes.by_stalled_replication",
        kind="hazard",
        verdict=Verdict.VALID,
        findings=invalid_run.findings[:1],
    )


@pytest.fixture
def hazard_not_shown(valid_run: RunResult) -> RunResult:
    finding = replace(valid_run.findings[0], claim="acknowledged_writes_survive", summary="0 of 3021 writes lost")
    return replace(valid_run, scenario="lost_writes", kind="hazard", verdict=Verdict.UNKNOWN, findings=(finding,))


@pytest.fixture
def run_not_run() -> RunResult:
    return RunResult(
        scenario="power_loss",
        kind="guarantee",
        promise="What was synced survives a power loss.",
        verdict=Verdict.UNKNOWN,
        not_run="no C compiler (cc) on PATH",
    )


@pytest.fixture
def all_runs(request: pytest.FixtureRequest) -> dict[str, RunResult]:
    """A run of each word, by its word."""
    names = ("valid_run", "invalid_run", "unknown_run", "shown_hazard", "hazard_not_shown", "run_not_run")
    runs: list[RunResult] = [request.getfixturevalue(name) for name in names]
    return {run.word: run for run in runs}
