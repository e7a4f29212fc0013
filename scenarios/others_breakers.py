"""Circuit breakers of others, and ours, around one redis-py client: the same calls, faults and judges for each.

Every scenario is a promise of the pattern (Nygard, Release It!), not of the library, which may never have made it.
They belong to no profile: `arbredis drill others_breakers` runs them, and `docs/breakers.md` has what came of it.
"""

from __future__ import annotations

from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
from pytest_arbredis.subjects.guarded_bot import guarded_bot

LIBRARIES = ("pytest-arbredis", "pybreaker", "purgatory", "circuitbreaker")
TIMEOUT_S = 0.4
ANY = 100_000
MOVES = checks.breaker_follows_its_automaton(timeout_s=TIMEOUT_S, probes=ANY, tolerance_ms=250)
LOAD = workloads.unique_writes(rate_hz=240, clients=12, read_share=0.6)


def _outage(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.outage.{library}",
        promise="In an outage it opens, probes after its time-out, and closes.",
        topology=topologies.single(),
        subject=subjects.guarded(library, timeout_s=TIMEOUT_S),
        workload=LOAD,
        faults=schedule.at(seconds=0.6).blackhole("primary").lasting(seconds=1.8),
        seconds=4,
        judged=("write", "read"),
        profiles=(),
        checks=(MOVES,),
    )


def _rejected(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.rejected.{library}",
        promise="Who is told that the breaker is open was not sent: here writes are sent, and wait in the server.",
        topology=topologies.single(),
        subject=subjects.guarded(library, timeout_s=TIMEOUT_S),
        workload=workloads.unique_writes(rate_hz=240, clients=12),
        faults=schedule.at(seconds=0.6).client_pause("primary", ms=2000, writes_only=True).lasting(seconds=1),
        seconds=3,
        judged=("write",),
        profiles=(),
        checks=(checks.rejected_calls_were_not_sent(),),
    )


def _one_probe(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.one_probe.{library}",
        promise="Half-open lets one call in, however many come.",
        topology=topologies.single(),
        subject=subjects.guarded(library, timeout_s=TIMEOUT_S),
        workload=LOAD,
        faults=schedule.at(seconds=0.6).blackhole("primary").lasting(seconds=1.8),
        seconds=4,
        judged=("write", "read"),
        profiles=(),
        checks=(checks.breaker_follows_its_automaton(timeout_s=TIMEOUT_S, probes=1, tolerance_ms=250),),
    )


def _traffic(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.traffic.{library}",
        promise="On a link that is too slow the server sees one probe in each time-out, and then the traffic again.",
        topology=topologies.single(),
        subject=guarded_bot(library, timeout_s=TIMEOUT_S),
        workload=workloads.none(),
        faults=schedule.at(seconds=1).latency("primary", ms=400).lasting(seconds=2.5),
        seconds=5.5,
        profiles=(),
        checks=(checks.breaker_opens_by_traffic(during="latency", within_s=1, timeout_s=TIMEOUT_S, names=("SET",)),),
    )


def _late_calls(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.late_calls.{library}",
        promise="What a call says when the breaker has moved on changes nothing: here reads hang, and writes are well.",
        topology=topologies.dual(),
        subject=subjects.guarded(library, failures=1, timeout_s=TIMEOUT_S, socket_timeout_s=0.25),
        workload=LOAD,
        faults=(
            schedule.at(seconds=0.6)
            .blackhole("primary")
            .lasting(seconds=0.8)
            .at(seconds=0.7)
            .blackhole("second")
            .lasting(seconds=3.2)
        ),
        seconds=5.5,
        judged=("write", "read"),
        profiles=(),
        checks=(MOVES,),
    )


def _side_by_side(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.side_by_side.{library}",
        promise="Calls that were let in do not wait for one another.",
        topology=topologies.single(),
        subject=subjects.guarded(library, timeout_s=TIMEOUT_S, socket_timeout_s=0.5),
        workload=LOAD,
        faults=schedule.at(seconds=0.6).latency("primary", ms=60).lasting(seconds=1.5),
        seconds=3.5,
        judged=("write", "read"),
        profiles=(),
        checks=(checks.guarded_calls_overlap(),),
    )


def _clock_step(library: str) -> Scenario:
    return Scenario(
        name=f"others_breakers.clock_step.{library}",
        promise="It closes in time although the wall clock was set back by an hour while it was open.",
        topology=topologies.single(),
        subject=subjects.guarded(library, timeout_s=TIMEOUT_S, wall_step_s=-3600),
        workload=LOAD,
        faults=schedule.at(seconds=0.6).blackhole("primary").lasting(seconds=0.8),
        seconds=3.5,
        judged=("write", "read"),
        profiles=(),
        checks=(MOVES,),
    )


ALL = tuple(
    make(library)
    for make in (_outage, _rejected, _one_probe, _traffic, _late_calls, _side_by_side, _clock_step)
    for library in LIBRARIES
)
