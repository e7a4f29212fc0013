"""A circuit breaker that all sessions of a bot share, as small as it can be, with a place for each planted bug.

Closed until `failures` calls failed; open for `timeout_s`; then half-open, which lets `probes` calls in: the first
success closes it, and it opens again when all of them have failed. What a call of an earlier spell says is not heeded.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from redis.exceptions import RedisError

from pytest_arbredis._clock import NS_PER_S
from pytest_arbredis.load.outcomes import classify
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS


@dataclass(frozen=True, slots=True)
class Ticket:
    """A call that was let in: when, in which spell, as a probe or not."""

    entered_ns: int
    spell: int
    probe: bool


class Breaker:
    """Implements nothing: its sessions ask it."""

    def __init__(self, clock, *, failures=5, timeout_s=0.2, probes=1):
        self.clock, self.failures, self.timeout_ns, self.probes = clock, failures, int(timeout_s * NS_PER_S), probes
        self.state, self.spell, self.opened_ns = "closed", 0, 0
        self.failed = self.let_in = 0
        self.lock = threading.Lock()
        self.moved = None
        self.touch = lambda: None

    def enter(self):
        """A ticket, or None for a call that is rejected."""
        with self.lock:
            if self.state == "open":
                if self.clock.now_ns() < self.opened_ns + self.timeout_ns:
                    self.rejected()
                    return None
                self.move("half-open", "time-out elapsed")
            if self.state == "half-open":
                if self.let_in >= self.most_probes():
                    return None
                self.let_in += 1
            return Ticket(self.clock.now_ns(), self.spell, self.state == "half-open")

    def leave(self, ticket, *, well, op):
        """What became of a call that was let in."""
        with self.lock:
            if not self.counts(ticket):
                return
            if well:
                if self.state == "half-open":
                    self.move("closed", "a success", op)
                return
            self.failed += 1
            most = self.failures if self.state == "closed" else self.most_probes()
            if self.state != "open" and (self.failed >= most or self.late(ticket)):
                self.move("open", "failures", op)

    def counts(self, ticket):
        """Only calls of the present spell."""
        return ticket.spell == self.spell

    def late(self, _):
        """Whether this failure alone opens it."""
        return False

    def most_probes(self):
        """How many calls half-open lets in."""
        return self.probes

    def rejected(self):
        """A call was turned away."""

    def move(self, state, cause, op=None):
        """Another state; told with its number."""
        came_from, self.state = self.state, state
        self.spell += 1
        self.failed = self.let_in = 0
        now_ns = self.clock.now_ns()
        if state == "open":
            self.opened_ns = now_ns
        if self.moved is not None:
            told = {"id": "breaker", "seq": self.spell, "from": came_from, "to": state, "cause": cause}
            self.moved(told if op is None else {**told, "op": op})


class Guarded(LineSession):
    """A register behind a breaker. `replica_reads`: reads go to a replica."""

    def __init__(self, dialer, shared, make=Breaker, *, replica_reads=False):
        super().__init__(dialer, OPERATIONS["register"])
        with shared.lock:
            self.breaker = shared.things.setdefault("breaker", None) or make(shared.clock)
            shared.things["breaker"] = self.breaker
            self.breaker.touch = shared.touch
        self._replica_reads, self._replica = replica_reads, None

    def report_breaker_to(self, moved):
        self.breaker.moved = moved

    def answer(self, op):
        ticket = self.breaker.enter()
        if ticket is None:
            return Answer(outcome="fail", error="BreakerOpen: not let in")
        try:
            said = self._read(op) if op.name == "read" and self._replica_reads else super().answer(op)
        except RedisError as error:
            self.breaker.leave(ticket, well=False, op=op.id)
            outcome = classify(error, attempts=self.attempts)
            told = f"{type(error).__name__}: {error}"
            return Answer(outcome=outcome, error=told, node=self.tried[-1], entered_ns=ticket.entered_ns)
        self.breaker.leave(ticket, well=True, op=op.id)
        return Answer(output=said.output, node=said.node, entered_ns=ticket.entered_ns)

    def _read(self, op):
        line, self._replica = self._replica or self.dialer.replica(), None
        try:
            self.connect(line)
            said = Answer(output=self.ask_on(line, "GET", op.key), node=line.node)
        except BaseException:
            line.close()
            raise
        self._replica = line
        return said

    def close(self):
        super().close()
        if self._replica is not None:
            self._replica.close()
