"""Any sequence of puts, takes, acks, deaths and lost replies: every task is done once it is done, and none is lost."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from lossy import Lossy
from small_servers import SERVER, started

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import ConflictError, ConnectionLostError
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import TaskQueue

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

RULES = QueueRules(lease_s=600, max_deliveries=1000)
CONSUMERS = st.integers(0, 1)
LOSES = st.none() | st.integers(0, 2)


def machine_on(state, plain):
    class Tasks(RuleBasedStateMachine):
        """`todo` must be there, `perhaps` may be; `done` never comes again. `held` is what each consumer has."""

        @initialize()
        def empty(self):
            plain.flushall()
            self.lossy = Lossy(state)
            self.queues = [TaskQueue(self.lossy, rules=RULES) for _ in range(2)]
            self.held = [[], []]
            self.todo, self.perhaps, self.done = set(), set(), set()
            self.number = 0
            self.dead = []

        @rule(loses=st.none() | st.just(0))
        def put(self, loses):
            self.number += 1
            self.lossy.loses = loses
            try:
                self.queues[0].put(self.number)
                self.todo.add(self.number)
            except ConnectionLostError:
                self.perhaps.add(self.number)

        @rule(who=CONSUMERS, loses=LOSES)
        def take(self, who, loses):
            self.lossy.loses = loses
            try:
                task = self.queues[who].take(wait_s=0)
            except ConnectionLostError:
                return
            finally:
                self.lossy.loses = None
            if task is not None:
                assert task.payload not in self.done
                assert task.payload in self.todo | self.perhaps
                assert task.payload not in [one.payload for held in self.held for one in held]
                self.held[who].append(task)

        @precondition(lambda self: any(self.held))
        @rule(who=CONSUMERS, loses=st.none() | st.just(0), again=st.booleans())
        def finish(self, who, loses, again):
            if not self.held[who]:
                return
            task = self.held[who].pop()
            self.lossy.loses = loses
            try:
                (self.queues[who].nack if again else self.queues[who].ack)(task)
                if not again:
                    self._is_done(task.payload)
            except ConnectionLostError:
                if not again:
                    self._may_be_done(task.payload)
            finally:
                self.lossy.loses = None

        @rule(who=CONSUMERS)
        def die(self, who):
            self.dead.append((self.queues[who], self.held[who]))
            plain.zadd("queue:tasks:consumers", {self.queues[who].consumer: 1})  # its lease has ended
            self.queues[who], self.held[who] = TaskQueue(self.lossy, rules=RULES), []

        @rule()
        def recover(self):
            self.queues[0].recover()
            for queue, held in self.dead:
                for task in held:
                    with pytest.raises(ConflictError):
                        queue.nack(task)
            self.dead = []

        @rule()
        def take_stock(self):
            found = self.queues[0].everywhere()
            there = [task.payload for task in (*found.waiting, *found.held)]
            assert len(there) == len(set(there))
            assert self.todo <= set(there) <= self.todo | self.perhaps
            assert not found.dead

        def teardown(self):
            if hasattr(self, "queues"):
                self.take_stock()

        def _is_done(self, number):
            self.done.add(number)
            self.todo.discard(number)
            self.perhaps.discard(number)

        def _may_be_done(self, number):
            self.todo.discard(number)
            self.perhaps.add(number)

    return Tasks


def test_no_task_is_lost_and_none_comes_after_it_was_done(tmp_path):
    with (
        started(tmp_path) as port,
        StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state,
        redis.Redis(port=port) as plain,
    ):
        wanted = settings(
            max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        )
        run_state_machine_as_test(machine_on(state, plain), settings=wanted)
