"""Random calls through a breaker on a clock of its own, recorded as a history: what the judge is given."""

from __future__ import annotations

import random

from ticking_clock import TickingClock

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.errors import CircuitOpenError
from pytest_arbredis.testing.builder import HistoryBuilder

TOLD = {"succeeded": "ok", "failed": "unknown", "ignored": "unknown"}


class GuardedLoad:
    """One breaker and its calls; each call is a process of its own."""

    def __init__(self, policy, *, without=()):
        self.policy, self.clock, self.moves, self.calls = policy, TickingClock(), [], []
        self.breaker = Breaker(policy, clock=self.clock, _without=frozenset(without))
        self.breaker.listen(self.moves.append)

    def begin(self):
        """A call; None if it is rejected."""
        call = {"invoked": self.clock.monotonic_ns()}
        self.calls.append(call)
        try:
            call["permit"] = self.breaker.enter()
        except CircuitOpenError as error:
            call |= {"completed": self.clock.monotonic_ns(), "rejected": f"CircuitOpenError: {error}"}
            return None
        return call

    def end(self, call, word):
        """What becomes of a call that was let in."""
        getattr(call["permit"], word)()
        call |= {"completed": self.clock.monotonic_ns(), "word": word}

    def call(self, word):
        """A call that ends at once, if it is let in."""
        call = self.begin()
        if call is not None:
            self.end(call, word)
        return call is not None

    def opened(self):
        """As many failures as open it."""
        for _ in range(self.policy.failures):
            self.call("failed")

    def at_random(self, seed, steps):
        """It opens and closes once; then calls, their ends, operators, time that passes; last, it closes again."""
        chance, under_way = random.Random(seed), []
        self.opened()
        self.clock.advance(self.policy.open_s)
        for _ in range(self.policy.successes_to_close):
            self.call("succeeded")
        for _ in range(steps):
            act = chance.random()
            if act < 0.45:
                call = self.begin()
                if call is not None:
                    under_way.append(call)
            elif act < 0.8 and under_way:
                word = chance.choices(["succeeded", "failed", "ignored"], [4, 4, 1])[0]
                self.end(under_way.pop(chance.randrange(len(under_way))), word)
            elif act < 0.83 and under_way:
                under_way.pop(chance.randrange(len(under_way)))  # never heard of again
            elif act < 0.84:
                chance.choice([self.breaker.force_open, self.breaker.force_close])()
            else:
                self.clock.advance(chance.choice([0.001, 0.05, 0.3, 1, 5]))
        for call in under_way:
            self.end(call, "succeeded")
        for _ in range(8):
            self.clock.advance(5)
            self.call("succeeded")
        self.clock.advance(5)
        self.call("succeeded")

    def history(self):
        """All of it."""
        assert self.breaker.delivered(5)
        h = HistoryBuilder()
        for number, call in enumerate(self.calls):
            began, ended, word = call["invoked"], call.get("completed"), call.get("word")
            rejected = call.get("rejected")
            permit = call.get("permit")
            h.op(
                "read",
                "k",
                at=(began / 1e6, None if ended is None else ended / 1e6),
                process=number,
                outcome="fail" if rejected else TOLD.get(word, "unknown"),
                error=rejected or (None if word == "succeeded" else "TimeoutError"),
                attempts=0 if rejected else 1,
                entered=None if permit is None else permit.entered_ns / 1e6,
            )
        for move in self.moves:
            told = move.told()
            h.event("breaker", "subject", at=told.pop("at_ns") / 1e6, data=told)
        return h.build()
