"""One client of the load: a thread that applies its plan, operation by operation, and records what came of each."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S, Clock
from pytest_arbredis.load.floor import FloorSession
from pytest_arbredis.load.outcomes import classify, outcome_of
from pytest_arbredis.load.protocol import (
    Answer,
    CountsAttempts,
    Endpoints,
    Invocation,
    Reports,
    ReportsBreaker,
    Session,
    Subject,
)
from pytest_arbredis.load.stalls import BOUND_NS, StallWitness
from pytest_arbredis.load.workloads import FLOOR, Planned, Workload

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json, Outcome
    from pytest_arbredis.history.tokens import OpToken

_SPIN_NS = 250_000  # a sleep overshoots by 50 to 150 µs; the record of an invocation takes some 10
_NAP_NS = 100_000_000  # a stop is heeded this soon
_ERROR_LENGTH = 240


@runtime_checkable
class Enrols(Protocol):
    """Capability of a clock: it passes only when all threads that take part in it sleep."""

    def taking_part(self) -> AbstractContextManager[None]:
        """While entered, this thread takes part."""
        ...


@dataclass(slots=True)
class Tally:
    """What one client did so far; written by its thread, read by anybody."""

    ok: int = 0
    fail: int = 0
    unknown: int = 0
    not_sent: int = 0

    def count(self, outcome: Outcome) -> None:
        """One more of that outcome."""
        setattr(self, outcome, getattr(self, outcome) + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What all clients of one load share."""

    workload: Workload
    subject: Subject
    endpoints: Endpoints
    recorder: Recorder
    clock: Clock
    seed: int
    seconds: float
    run: str
    processes: Iterator[int]
    go: threading.Event
    stop: threading.Event
    abort: threading.Event


class Client:
    """One thread with its own session. `failure` is what ended it early."""

    def __init__(self, number: int, orders: Orders) -> None:
        self.number = number
        self.tally = Tally()
        self.ready = threading.Event()
        self.failure: BaseException | None = None
        self.abandoned = False
        self.began_ns = 0
        self.opened = False
        self.done = 0
        self.retired = 0
        self.process = next(orders.processes)
        self._orders = orders
        self._session: Session | None = None
        self._counts: CountsAttempts | None = None
        self._witness = StallWitness() if orders.workload.floor else None
        self.thread = threading.Thread(target=self._run, name=f"arbredis-client-{number}", daemon=True)

    def plan(self) -> Iterator[Planned]:
        """All that is wanted of this client."""
        orders = self._orders
        return orders.workload.plan(client=self.number, seed=orders.seed, run=orders.run, seconds=orders.seconds)

    def skip(self, planned: Planned) -> None:
        """Record an operation that will not be sent."""
        self._orders.recorder.not_sent(
            process=self.process,
            name=planned.name,
            key=planned.key,
            input=planned.input,
            intended_ns=self.began_ns + planned.offset_ns,
        )
        self.tally.not_sent += 1

    def _run(self) -> None:
        orders = self._orders
        sessions: list[Session] = []
        part = orders.clock.taking_part() if isinstance(orders.clock, Enrols) else nullcontext()
        try:
            with part:
                sessions.append(orders.subject.open(orders.endpoints))
                if isinstance(sessions[0], Reports):
                    sessions[0].report_to(self._note)
                if isinstance(sessions[0], ReportsBreaker):
                    sessions[0].report_breaker_to(self._breaker_moved)
                floor = self._floor() if orders.workload.floor else None
                if floor is not None:
                    sessions.append(floor)
                self.opened = True
                self.ready.set()
                orders.go.wait()
                self._work(sessions[0], floor)
        except BaseException as error:  # noqa: BLE001 - raised again by the caller of the load
            self.failure = error
            orders.abort.set()
        finally:
            self.ready.set()
            self._close(sessions)

    def _floor(self) -> FloorSession:
        endpoints = self._orders.endpoints
        return FloorSession(endpoints.primary, login=endpoints.login)

    def _note(self, data: dict[str, Json]) -> None:
        self._orders.recorder.note(source=f"client {self.number}", data=data)

    def _breaker_moved(self, data: dict[str, Json]) -> None:
        at_ns = data.get("at_ns")
        told = {name: value for name, value in data.items() if name != "at_ns"}
        when = at_ns if isinstance(at_ns, int) and 0 <= at_ns <= self._orders.clock.now_ns() else None
        self._orders.recorder.event("breaker", f"client {self.number}", told, at_ns=when)

    def _close(self, sessions: list[Session]) -> None:
        for session in sessions:
            try:
                session.close()
            except Exception as error:  # noqa: BLE001 - as above; the load is over, its record complete
                self.failure = self.failure or error

    def _work(self, session: Session, floor: FloorSession | None) -> None:
        self._session = session
        # Asked once: a protocol's isinstance takes tens of microseconds.
        self._counts = session if isinstance(session, CountsAttempts) else None
        try:
            self._follow_plan(session, floor)
        finally:
            if self._witness is not None:
                self._note(self._witness.noted)

    def _follow_plan(self, session: Session, floor: FloorSession | None) -> None:
        orders = self._orders
        end_ns = self.began_ns + int(orders.seconds * NS_PER_S)
        for planned in self.plan():
            if orders.abort.is_set() or self.abandoned:
                return
            target_ns = self.began_ns + planned.offset_ns
            # Where microseconds count, the record is written while there is time, and only the sending waits.
            lead_ns = _SPIN_NS if orders.workload.precise else 0
            self._await(target_ns - lead_ns)
            if orders.stop.is_set() or orders.clock.now_ns() >= end_ns:
                self.skip(planned)
            else:
                using = floor if floor is not None and planned.name == FLOOR else session
                self._apply(using, planned, spin_until_ns=target_ns if lead_ns else 0)
            self.done += 1
        if not self.done:  # it has nothing to ask of the subject, which works by itself until the load ends
            self._await(end_ns)

    def _await(self, target_ns: int) -> None:
        """Let time pass until `target_ns`, or until the load is stopped; a late operation runs at once."""
        orders, clock, witness = self._orders, self._orders.clock, self._witness
        now_ns = clock.now_ns()
        if witness is not None:
            witness.waiting(now_ns)
        while (left := target_ns - now_ns) > 0 and not (orders.stop.is_set() or orders.abort.is_set()):
            nap_ns = min(left, _NAP_NS)
            due_ns = now_ns + nap_ns
            clock.sleep(nap_ns / NS_PER_S)
            now_ns = clock.now_ns()
            if witness is not None:
                witness.gap(due_ns, now_ns)
        if witness is not None:
            witness.waited(now_ns)

    def _spin(self, target_ns: int) -> int:
        """Burn the last microseconds until `target_ns`; gives the time then."""
        clock, witness = self._orders.clock, self._witness
        last_ns = clock.now_ns()
        if witness is not None:
            witness.waiting(last_ns)
        for _ in range(10_000):
            now_ns = clock.now_ns()
            if witness is not None and now_ns - last_ns >= BOUND_NS:
                witness.gap(last_ns, now_ns)
            if now_ns >= target_ns:
                if witness is not None:
                    witness.waited(now_ns)
                return now_ns
            last_ns = now_ns
        clock.sleep(NS_PER_MS / NS_PER_S)  # a manual clock does not pass by being looked at
        return clock.now_ns()

    def _apply(self, session: Session, planned: Planned, *, spin_until_ns: int = 0) -> None:
        recorder = self._orders.recorder
        token = recorder.begin(
            process=self.process,
            name=planned.name,
            key=planned.key,
            input=planned.input,
            intended_ns=self.began_ns + planned.offset_ns,
        )
        counts = self._counts if session is self._session else None
        invocation = Invocation(id=token.id, name=planned.name, key=planned.key, input=planned.input)
        if spin_until_ns:
            recorder.invoked(token, self._spin(spin_until_ns))
        try:
            answer = session.apply(invocation)
        except BaseException as error:  # noqa: BLE001 - what the table does not list is raised again
            self._failed(token, error, counts)
            return
        completed_ns = self._orders.clock.now_ns()
        outcome = outcome_of(answer)
        said = answer if isinstance(answer, Answer) else Answer(output=answer)
        recorder.complete(
            token,
            outcome=outcome,
            output=said.output,
            node=said.node,
            attempts=counts.attempts if counts else said.attempts,
            confirmed=said.confirmed,
            entered_ns=said.entered_ns,
            completed_ns=completed_ns,
            error=None if outcome == "ok" else _error_in(said),
            meta=_tried(counts) if counts and len(counts.tried) > 1 else None,
        )
        self.tally.count(outcome)
        if said.outcome == "unknown":
            self._retire()

    def _failed(self, token: OpToken, error: BaseException, counts: CountsAttempts | None) -> None:
        """Record an error; one that the table does not list ends the load. After an unknown one, a new process."""
        attempts = counts.attempts if counts else None
        outcome = classify(error, attempts=attempts)
        text = " ".join(f"{type(error).__name__}: {error}".split())
        self._orders.recorder.complete(
            token,
            outcome=outcome or "unknown",
            error=text[:_ERROR_LENGTH],
            attempts=attempts,
            meta=_tried(counts) if counts else None,
        )
        self.tally.count(outcome or "unknown")
        if outcome is None:
            raise error
        if outcome == "unknown":
            self._retire()

    def _retire(self) -> None:
        """What got no reply may still take effect at any time: what follows is another process's."""
        self.process = next(self._orders.processes)
        self.retired += 1


def _error_in(said: Answer) -> str:
    told = said.error or f"confirmed by {said.confirmed} of {said.wanted}"
    return " ".join(told.split())[:_ERROR_LENGTH]


def _tried(counts: CountsAttempts) -> dict[str, Json]:
    tried: list[Any] = list(counts.tried)
    return {"tried": tried}
