"""Any order of operations, outages, lost replies and time: the offline queue against a model of what it promises."""

from __future__ import annotations

import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.errors import BacklogFullError, ConnectionLostError, UnreachableError
from pytest_arbredis.state.offline.policy import OfflinePolicy
from pytest_arbredis.state.offline.queue import OfflineQueue

MOST = 4


class Operations(RuleBasedStateMachine):
    """`waits` is the model: what must be in the queue, the oldest first, each with the time at which it expires."""

    when_full = "refuse"

    def __init__(self):
        super().__init__()
        self.now_s = 0.0
        self.state = "there"
        self.applied, self.told, self.direct, self.taken = [], [], [], []
        self.until_s = {}
        policy = OfflinePolicy(most=MOST, when_full=self.when_full, first_pause_s=0.05, longest_pause_s=0.4)
        self.queue = OfflineQueue(self, policy, on_settled=self.told.append, clock=self, chance=random.Random(1))

    def monotonic_ns(self):
        return int(self.now_s * NS_PER_S)

    def wall_ns(self):
        raise AssertionError

    def run(self, plan, **_):
        name = next(plan).args[1]
        if self.state == "away":
            plan.close()
            raise UnreachableError("nobody listens")
        assert self.now_s < self.until_s[name], "it was sent after its time"
        self.applied.append(name)
        if self.state == "loses replies":
            plan.close()
            raise ConnectionLostError("the reply was lost")
        try:
            plan.send(b"OK")
        except StopIteration as done:
            return done.value
        raise AssertionError

    @rule(valid_for_s=st.sampled_from((0.2, 1.0, 5.0)))
    def do(self, valid_for_s):
        name = len(self.until_s)
        self.until_s[name] = self.now_s + valid_for_s

        def plan():
            yield Command("SET", name)
            return name

        try:
            answer = self.queue.do(str(name), plan, valid_for_s=valid_for_s)
        except BacklogFullError:
            assert self.when_full == "refuse"
            assert len(self.queue) == MOST
            self.until_s[name] = -1.0
            return
        except ConnectionLostError:
            assert self.applied[-1] == name
            self.direct.append(name)
            return
        (self.taken if answer.waits else self.direct).append(name)
        assert answer.waits or answer.value == name == self.applied[-1]

    @rule()
    def flush(self):
        left = self.queue.flush()
        assert left == 0 or self.state == "away"

    @rule(state=st.sampled_from(("there", "away", "loses replies")))
    def turn(self, state):
        self.state = state

    @rule(seconds=st.sampled_from((0.01, 0.1, 0.5, 3.0)))
    def pass_time(self, seconds):
        self.now_s += seconds

    @invariant()
    def nothing_is_applied_twice(self):
        assert len(self.applied) == len(set(self.applied))

    @invariant()
    def all_is_applied_in_its_order(self):
        assert self.applied == sorted(self.applied)

    @invariant()
    def never_more_than_the_limit_wait(self):
        assert len(self.queue) <= MOST

    @invariant()
    def everything_is_settled_once_or_waits(self):
        settled = [int(one.what) for one in self.told]
        assert len(settled) == len(set(settled))
        assert set(settled) <= set(self.taken)
        assert len(self.taken) == len(settled) + len(self.queue)

    @invariant()
    def what_is_told_is_true(self):
        for one in self.told:
            assert (int(one.what) in self.applied) == (one.fate in {"sent", "unknown"})
            if one.fate == "expired":
                assert self.until_s[int(one.what)] <= self.now_s
            assert one.fate != "dropped" or self.when_full == "drop-oldest"

    def teardown(self):
        self.queue.close()
        assert len(self.queue) == 0
        assert len(self.told) == len(self.taken)


class OperationsThatDropTheOldest(Operations):
    when_full = "drop-oldest"


TestOperations = Operations.TestCase
TestOperations.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
TestDroppingTheOldest = OperationsThatDropTheOldest.TestCase
TestDroppingTheOldest.settings = TestOperations.settings
