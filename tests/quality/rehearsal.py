"""A scenario on servers in memory and a manual clock: load, faults, healing, final reads, checks, in no time."""

from __future__ import annotations

import gc
import hashlib
import threading
from typing import TYPE_CHECKING

from planted.touched import Touched, touched

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Evidence, Header
from pytest_arbredis.load.protocol import Endpoints, Invocation
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.scenario import judge
from pytest_arbredis.testing.clock import ManualClock
from pytest_arbredis.testing.fake_redis import FakeServers

if TYPE_CHECKING:
    from pathlib import Path

    from planted.case import Planted

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.scenario import Scenario

NOWHERE = Endpoints(primary=("127.0.0.1", 1))


def servers_for(planted: Planted, clock: ManualClock) -> FakeServers:
    """The servers of its topology, in memory."""
    replicas = planted.topology.replicas if planted.topology.kind != "single" else 0
    return FakeServers(clock, replicas=replicas, writable=dict(planted.topology.conf).get("replica-read-only") == "no")


def rehearsed(planted: Planted, *, buggy: bool, seed: int, folder: Path) -> tuple[Finding, ...]:
    """The findings, the claim's first and the vacuity guard's last."""
    return played(planted, buggy=buggy, seed=seed, folder=folder)[0]


def played(planted: Planted, *, buggy: bool, seed: int, folder: Path) -> tuple[tuple[Finding, ...], Touched]:
    """The same, and how many operations the bug touched."""
    clock = ManualClock()
    servers = servers_for(planted, clock)
    bot = planted.bot(buggy=buggy).on(servers)
    scenario = planted.scenario(bot)
    recorder = Recorder(folder / "history.jsonl", Header(run="r", seed=seed), clock)
    nemesis = threading.Thread(target=_play, args=(scenario, servers, recorder), daemon=True)
    nemesis.start()
    gc.freeze()  # what is there already is not looked through again for every run
    run_load(
        scenario.workload,
        scenario.subject,
        NOWHERE,
        recorder,
        seed=seed,
        seconds=scenario.length_s,
        run="r",
        clock=clock,
    )
    nemesis.join()
    for phase in ("heal", "settled", "final"):
        recorder.phase(phase)
    if scenario.read_back:
        clients = range(scenario.workload.clients)
        plans = (scenario.workload.plan(client=one, seed=seed, run="r", seconds=scenario.length_s) for one in clients)
        _read_back(servers, recorder, {planned.key for plan in plans for planned in plan})
    recorder.phase("end")
    history = recorder.close()
    return judge(scenario, history), touched(planted, bot, history)


def _play(scenario: Scenario, servers: FakeServers, recorder: Recorder) -> None:
    """One fault after the other, on the servers' clock; a schedule of ours never has two at once."""
    clock = servers.clock
    with clock.taking_part():
        for _ in range(scenario.workload.clients):
            scenario.subject.shared.opened.acquire()
        origin_ns = clock.now_ns()
        for step in scenario.faults.steps:
            clock.sleep((origin_ns + int(step.at_s * NS_PER_S) - clock.now_ns()) / NS_PER_S)
            fault = step.fault
            params = {name: getattr(fault, name) for name in fault.__dataclass_fields__}
            nodes = servers.inject(fault.name, step.target, params)
            seen = Evidence(source="servers in memory", at_ns=clock.now_ns(), detail="in force")
            token = recorder.fault_began(name=fault.name, target=step.target, nodes=nodes, evidence=seen)
            clock.sleep(step.for_s or 0)
            servers.heal(fault.name, step.target)
            recorder.fault_ended(token)


def _read_back(servers: FakeServers, recorder: Recorder, asked: set[str]) -> None:
    """Every key from the primary, and type, value and expiry of every key from every node."""
    primary = servers.primary
    for number, key in enumerate(sorted(asked)):
        token = recorder.begin(process=1_000_000 + number, name="read", key=key, meta={"final": True})
        recorder.complete(token, outcome="ok", output=servers.value(key), node=primary.name)
    for node in servers.nodes:
        keys = {
            key: [type(value).__name__, _digest(value), node.data.expires_ms.get(key, -1)]
            for key, value in node.data.values.items()
        }
        recorder.note(node.name, {"kind": "keyspace", "keys": keys})


def _digest(value: object) -> str:
    return hashlib.blake2b(repr(value).encode(), digest_size=8).hexdigest()


def functional(planted: Planted, *, buggy: bool, endpoints: Endpoints = NOWHERE, run: str = "r") -> None:
    """The functional test without faults, by one client; on servers in memory unless given endpoints."""
    from planted.case import ANYTHING

    bot = planted.bot(buggy=buggy)
    if endpoints is NOWHERE:
        bot.on(servers_for(planted, ManualClock()))
    session = bot.open(endpoints)
    try:
        for number, (name, given, expected) in enumerate(planted.steps):
            answer = session.apply(Invocation(id=number, name=name, key=f"arbredis:{run}:key", input=given))
            assert answer.outcome in {None, "ok"}, f"{name} of {given!r}: {answer}"
            assert expected is ANYTHING or answer.output == expected, f"{name} of {given!r} gave {answer.output!r}"
    finally:
        session.close()
