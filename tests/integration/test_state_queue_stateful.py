"""Any sequence of puts, takes, acks, deaths and faults: every task is done once it is done, and none is lost.

Replies are lost, the server is killed and started again, and its memory is full for a while: between the calls, or
between the steps of one. It fsyncs every write.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import redis
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lossy import Lossy
from machines import found_out, outcome, played
from restarting import Server
from small_servers import SERVER
from tide import Beside

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConflictError, ConnectionLostError, OutOfMemoryError
from pytest_arbredis.state.queue.plans import QueueRules
from pytest_arbredis.state.queue.queue import TaskQueue

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

CONSUMERS = st.integers(0, 1)
LOSES = st.none() | st.integers(0, 2)
WELL = (None, 0)
STRIKES = st.just(WELL) | st.tuples(st.sampled_from([None, "crash", "restart", "full", "full"]), st.integers(0, 2))
"""What befalls the server, and before which ask of a call."""


def machine_on(server, state, plain, without=frozenset()):
    rules = QueueRules(lease_s=600, max_deliveries=1000, _without=without)

    class Tasks(RuleBasedStateMachine):
        """`todo` must be there, `perhaps` may be; `done` never comes again. `held` is what each consumer has."""

        @initialize()
        def empty(self):
            self.up, self.full = True, False
            plain.config_set("maxmemory", 0)
            plain.flushall()
            self.strike = WELL
            self.lossy = Lossy(Beside(state, self.befalls, every=1))
            self.queues = [self.consumer() for _ in range(2)]
            self.held = [[], []]
            self.todo, self.perhaps, self.done = set(), set(), set()
            self.number = 0
            self.dead = []

        @rule(loses=st.none() | st.just(0), strike=STRIKES)
        def put(self, loses, strike):
            self.number += 1
            _, error = self.tried(lambda queue, within_s: queue.put(self.number, within_s=within_s), 0, loses, strike)
            if error is None:
                self.todo.add(self.number)
            elif error.applied != "no":
                self.perhaps.add(self.number)

        @rule(who=CONSUMERS, loses=LOSES, strike=STRIKES)
        def take(self, who, loses, strike):
            task, _ = self.tried(lambda queue, within_s: queue.take(wait_s=0, within_s=within_s), who, loses, strike)
            if task is not None:
                self.is_given(task)
                self.held[who].append(task)

        @precondition(lambda self: any(self.held))
        @rule(who=CONSUMERS, loses=st.none() | st.just(0), strike=STRIKES, again=st.booleans())
        def finish(self, who, loses, strike, again):
            if not self.held[who]:
                return
            task = self.held[who].pop()
            _, error = self.tried(
                lambda queue, within_s: (queue.nack if again else queue.ack)(task, within_s=within_s),
                *(who, loses, strike),
            )
            assert not isinstance(error, OutOfMemoryError), "what makes room is served"
            if not again and (error is None or error.applied != "no"):
                self.todo.discard(task.payload)
                (self.done if error is None else self.perhaps).add(task.payload)
                self.perhaps -= self.done

        @precondition(lambda self: self.up)
        @rule(who=CONSUMERS)
        def die(self, who):
            self.dead.append((self.queues[who], self.held[who]))
            plain.config_set("maxmemory", 0)
            plain.zadd("queue:tasks:consumers", {self.queues[who].consumer: 1})  # its lease has ended
            plain.config_set("maxmemory", int(self.full))
            self.queues[who], self.held[who] = self.consumer(), []

        @precondition(lambda self: self.up)
        @rule()
        def recover(self):
            """Also where memory is full."""
            self.queues[0].recover(within_s=60)
            for queue, held in self.dead:
                for task in held:
                    _, error = outcome(lambda queue=queue, task=task: queue.nack(task, within_s=60))
                    assert isinstance(error, ConflictError)
            self.dead = []

        @precondition(lambda self: self.up)
        @rule()
        def take_stock(self):
            found = self.queues[0].everywhere(within_s=60)
            there = [task.payload for task in (*found.waiting, *found.held)]
            assert len(there) == len(set(there))
            assert self.todo <= set(there) <= self.todo | self.perhaps
            assert not found.dead

        @rule()
        def all_is_well_again(self):
            if not self.up:
                server.start()
            plain.config_set("maxmemory", 0)
            self.up, self.full = True, False

        def teardown(self):
            """Whoever comes in the end is given all that is to be done."""
            if not hasattr(self, "queues"):
                return
            self.all_is_well_again()
            self.take_stock()
            for who in range(2):
                self.die(who)
            self.recover()
            given = set()
            while (task := self.queues[0].take(wait_s=0, within_s=60)) is not None:
                self.is_given(task)
                given.add(task.payload)
                self.queues[0].ack(task, within_s=60)
            assert self.todo <= given

        def consumer(self):
            return TaskQueue(self.lossy, rules=rules)

        def is_given(self, task):
            assert task.payload not in self.done
            assert task.payload in self.todo | self.perhaps
            assert task.payload not in [one.payload for held in self.held for one in held]

        def befalls(self, _):
            """Called before each ask."""
            what, number = self.strike
            self.strike = (what, number - 1)
            if what is None or number != 0 or not self.up:
                return
            if what == "full":
                plain.config_set("maxmemory", 1)
                self.full = True
                return
            server.kill()
            self.up, self.full = False, False
            if what == "restart":
                server.start()
                self.up = True

        def tried(self, call, who, loses, strike):
            """What a call gives, and the error that it ends with, which must be due to what befell."""
            self.lossy.loses, self.strike = loses, strike
            within_s = 60 if self.up and strike[0] != "crash" else 0.1
            result, error = outcome(lambda: call(self.queues[who], within_s))
            self.lossy.loses, self.strike = None, WELL
            if isinstance(error, OutOfMemoryError):
                assert self.full
            elif error is not None:
                assert not self.up or strike[0] == "restart" or type(error) is ConnectionLostError
            return result, error

    return Tasks


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    server = Server(tmp_path)
    server.start()
    try:
        with (
            StateRedis(Settings(address=("127.0.0.1", server.port), breaker=None)) as state,
            redis.Redis(port=server.port) as plain,
        ):
            yield lambda *without: machine_on(server, state, plain, frozenset(without))
    finally:
        server.kill()


def test_no_task_is_lost_and_none_comes_after_it_was_done(machine):
    played(machine(), examples=30, steps=40)


@pytest.mark.parametrize("without", ["processing-list", "recovery"])
def test_the_machine_finds_a_queue_without(machine, without):
    found_out(machine(without), steps=40)
