"""The breaker against a model of it, by random steps of calls, time and operators."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ticking_clock import TickingClock

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.errors import CircuitOpenError

OPEN_S, LEASE_S, WINDOW_S = 2.0, 7.0, 10.0
WORDS = st.sampled_from(["succeeded", "failed", "ignored"])


class Model:
    """The same in the plainest words: lists of all that happened, and whole seconds."""

    def __init__(self, policy):
        self.policy, self.now, self.moves = policy, 0.0, []
        self.begin("closed")

    def begin(self, state):
        self.state, self.since, self.ended, self.probes, self.let_in, self.well = state, self.now, [], {}, 0, 0

    def move(self, state):
        self.moves.append((self.state, state))
        self.begin(state)

    @property
    def spell(self):
        return len(self.moves)

    def enter(self, call):
        """The spell in which it is let in, or None."""
        policy = self.policy
        if self.state == "open":
            if self.now < self.since + OPEN_S:
                return None
            self.move("half-open")
        if self.state == "half-open":
            if len(self.probes) >= policy.probes_at_once or self.let_in >= (policy.probes or 10**9):
                if any(self.now >= began + LEASE_S for began in self.probes.values()):
                    self.move("open")
                return None
            self.probes[call] = self.now
            self.let_in += 1
        return self.spell

    def say(self, call, spell, word):
        if spell != self.spell:
            return
        if self.state == "half-open":
            del self.probes[call]
            self.let_in -= word == "ignored"
            self.well += word == "succeeded"
            if word == "failed":
                self.move("open")
            elif self.well >= self.policy.successes_to_close:
                self.move("closed")
        elif word != "ignored":
            self.ended.append((self.now, word == "failed"))
            if word == "failed" and self.too_many():
                self.move("open")

    def in_a_row(self):
        row = 0
        for _, failed in self.ended:
            row = row + 1 if failed else 0
        return row

    def too_many(self):
        policy, tenth = self.policy, WINDOW_S / 10
        if policy.failures is not None and self.in_a_row() >= policy.failures:
            return True
        recent = [failed for at, failed in self.ended if at // tenth > self.now // tenth - 10]
        enough = policy.failure_rate is not None and len(recent) >= policy.minimum_calls
        return enough and sum(recent) >= policy.failure_rate * len(recent)


class BreakerAgainstModel(RuleBasedStateMachine):
    """Each step is done to both."""

    @initialize(
        failures=st.sampled_from([None, 1, 3]),
        failure_rate=st.sampled_from([None, 0.5]),
        at_once=st.integers(1, 3),
        more=st.sampled_from([None, 0, 2]),
        successes=st.integers(1, 3),
    )
    def begin(self, failures, failure_rate, at_once, more, successes):
        policy = BreakerPolicy(
            failures=failures,
            failure_rate=failure_rate,
            minimum_calls=5,
            window_s=WINDOW_S,
            open_s=OPEN_S,
            probes_at_once=at_once,
            probes=None if more is None else max(at_once, successes) + more,
            successes_to_close=successes,
            probe_lease_s=LEASE_S,
        )
        self.clock = TickingClock(start_ns=0, tick_ns=0)
        self.model, self.breaker = Model(policy), Breaker(policy, clock=self.clock)
        self.under_way, self.calls, self.told = [], 0, []
        self.breaker.listen(self.told.append)

    @rule()
    def call(self):
        self.calls += 1
        spell = self.model.enter(self.calls)
        if spell is None:
            with pytest.raises(CircuitOpenError):
                self.breaker.enter()
        else:
            self.under_way.append((self.calls, spell, self.breaker.enter()))

    @precondition(lambda self: self.under_way)
    @rule(which=st.randoms(use_true_random=False), word=WORDS)
    def call_ends(self, which, word):
        call, spell, permit = self.under_way.pop(which.randrange(len(self.under_way)))
        self.model.say(call, spell, word)
        getattr(permit, word)()

    @rule(words=st.lists(WORDS, max_size=8))
    def several_calls(self, words):
        for word in words:
            before = len(self.under_way)
            self.call()
            if len(self.under_way) > before:
                call, spell, permit = self.under_way.pop()
                self.model.say(call, spell, word)
                getattr(permit, word)()

    @rule(seconds=st.sampled_from([0.25, 1, 2, 7]))
    def time_passes(self, seconds):
        self.model.now += seconds
        self.clock.advance(seconds)

    @rule()
    def operator_opens(self):
        if self.breaker.force_open():
            self.model.move("open")

    @rule()
    def operator_closes(self):
        if self.breaker.force_close():
            self.model.move("closed")

    @invariant()
    def both_stand_alike(self):
        if not hasattr(self, "breaker"):
            return
        seen = self.breaker.snapshot()
        assert (seen.state, seen.transitions) == (self.model.state, self.model.spell)
        assert seen.probes_under_way == len(self.model.probes)
        if self.model.state == "closed":
            assert seen.failures_in_a_row == self.model.in_a_row()

    def teardown(self):
        if hasattr(self, "breaker"):
            assert self.breaker.delivered(5)
            assert [(one.source, one.target) for one in self.told] == self.model.moves
            assert [one.seq for one in self.told] == list(range(1, len(self.told) + 1))


BreakerAgainstModel.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestTheBreakerDoesWhatItsModelDoes = BreakerAgainstModel.TestCase
