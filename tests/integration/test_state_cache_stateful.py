"""Readers and writers of two processes, a step at a time, with faults between and inside: nobody is given what is old.

The database counts its writes, so a value tells its age. `floor` is what a key had in the database when Redis last had
neither a value nor a lease: from then on nothing older may lie there, or be given to whoever began later.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import nullcontext
from types import SimpleNamespace

import hypothesis.strategies as st
import pytest
import redis
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from machines import found_out, played
from small_servers import SERVER, started

from pytest_arbredis.state.cache import reading
from pytest_arbredis.state.cache.cache import Cache
from pytest_arbredis.state.cache.plans import Found
from pytest_arbredis.state.cache.policy import HARDENINGS, CachePolicy
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConnectionLostError, StateError, UnreachableError

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

NAMES = ["account:a", "symbol:B"]
KEYS = st.sampled_from([NAMES[0]] * 4 + NAMES)
PROCESSES = st.integers(0, 1)
FATES = st.sampled_from(["done", "done", "held", "held", "refused", "lost"])
FAULTS = st.sampled_from(
    [
        *[("a_writer_dies_before_it_invalidates",), ("expire",), ("a_lease_ages", 10_000), ("a_lease_ages", 30_000)]
        * 4,
        *[("a_replica_falls_behind",), ("fail_over",), ("restart_empty",), ("forget_scripts",), ("memory_is_full", 0)],
        *[("memory_is_full", 1), ("others_write", "", "set"), ("others_write", "lease:", "rpush")],
    ]
)
TTL_MS, LEASE_MS = 60_000, 30_000
BROKEN = b"{broken"
STILL = SimpleNamespace(monotonic_ns=lambda: 0)  # nobody loses patience


class Faulty:
    """Runs plans; the next one is done, or refused, or its reply is lost."""

    def __init__(self, state):
        self._state, self.fate = state, "done"

    def run(self, plan, **_):
        fate, self.fate = self.fate, "done"
        if fate == "refused":
            raise UnreachableError("refused")
        reply = self._state.run(plan)
        if fate == "lost":
            raise ConnectionLostError("the reply was lost")
        return reply


class Reader:
    """One read under way: its present step, the answer on its way to it, and what it may be given at least.

    `found` is what Redis said last; `alone` is set while it loads because Redis said nothing.
    """

    def __init__(self, who, key, steps, *, floor, own):
        self.who, self.key, self.steps, self.floor, self.own = who, key, steps, floor, own
        self.step, self.answer, self.found, self.alone, self.failed = next(steps), None, None, None, False


def machine_on(state, plain, without=frozenset()):
    class Caches(RuleBasedStateMachine):
        """`own` is what each process has written; a load of another `turn` need not be joined."""

        @initialize()
        def empty(self):
            plain.flushall()
            self.redis = Faulty(state)
            policy = CachePolicy(ttl_s=TTL_MS / 1000, lease_s=LEASE_MS / 1000, jitter=0.5)
            more = {"clock": STILL, "chance": random.Random(1), "_without": without}
            self.caches = [Cache(self.redis, policy, **more) for _ in range(2)]
            self.rows, self.floor = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
            self.own, self.turn = [dict.fromkeys(NAMES, 0) for _ in range(2)], Counter()
            self.aged, self.last, self.readers = {}, dict.fromkeys(NAMES, (None, None)), []
            self.memory_is_full(None, 0)
            self.a_replica_falls_behind(None)

        @rule(who=PROCESSES, key=KEYS, fate=FATES, well=st.integers(0, 3))
        def begin(self, who, key, fate, well):
            steps = reading.read(self.caches[who].desk, key)
            self.readers.append(Reader(who, key, steps, floor=self.floor[key], own=self.own[who][key]))
            self.go_on(-1, fate, well)

        @rule(who=PROCESSES, key=KEYS)
        def read(self, who, key):
            """All of it at once, unless somebody else is waited for."""
            self.begin(who, key, "done", 9)

        @precondition(lambda self: self.readers)
        @rule(which=st.integers(0, 4))
        def come_to_an_end(self, which):
            self.go_on(which, "done", 9)

        @precondition(lambda self: self.readers)
        @rule(which=st.integers(0, 4), fate=FATES, well=st.integers(0, 3))
        def go_on(self, which, fate, well=0):
            """Redis or the database does what a reader asks, unless that is done already; the answer may be held up."""
            one = self.readers[which % len(self.readers)]
            for now in (*("done",) * well, fate):
                if one.answer is None and one in self.readers:
                    self.ask(one, now)
                    self.look()
                if one.answer is not None and now != "held":
                    self.tell(one)

        @rule(who=PROCESSES, key=KEYS, fate=st.sampled_from(["done", "done", "refused", "lost"]), raises=st.booleans())
        def write(self, who, key, fate, raises):
            def store():
                self.rows[key] += 1
                if raises:
                    raise LookupError

            self.redis.fate = fate
            with pytest.raises(LookupError) if raises else nullcontext():
                written = self.caches[who].write(key, store)
                assert written.invalidated == (fate == "done")
                assert written.stale_s == (0 if fate == "done" else TTL_MS / 1000)
            self.redis.fate = "done"
            self.own[who][key] = self.rows[key]
            self.turn[who, key] += 1
            self.look()
            assert fate == "refused" or self.floor[key] == self.rows[key]

        @rule(key=KEYS, what=FAULTS)
        def meanwhile(self, key, what):
            name, *more = what
            if not (self.full and name in {"others_write", "fail_over"}):
                getattr(self, name)(key, *more)
                self.look()

        def a_writer_dies_before_it_invalidates(self, key):
            self.rows[key] += 1

        def expire(self, key):
            plain.delete(key)

        def a_lease_ages(self, key, ms):
            left = plain.pttl(f"lease:{key}") - ms
            plain.pexpire(f"lease:{key}", left) if left > 0 else plain.delete(f"lease:{key}")
            token = self.last[key][1]
            self.aged[token] = self.aged.get(token, 0) + ms

        def others_write(self, key, of, write):
            plain.delete(of + key)
            self.look()
            getattr(plain, write)(of + key, BROKEN)

        def a_replica_falls_behind(self, _):
            self.behind = dict(self.last), dict(self.floor)

        def fail_over(self, _):
            """To the replica that is behind: what was invalidated since may be given again."""
            plain.flushall()
            self.last, self.floor = dict(self.behind[0]), dict(self.behind[1])
            for name, (value, lease) in self.last.items():
                for of, raw, px in (("", value, TTL_MS), ("lease:", lease, self.left_ms(lease, LEASE_MS))):
                    if raw is not None and px > 0:
                        plain.set(of + name, raw, px=px)
            self.own = [dict.fromkeys(NAMES, 0) for _ in range(2)]
            for one in self.readers:
                one.floor, one.own = min(one.floor, self.floor[one.key]), 0

        def restart_empty(self, _):
            plain.flushall()

        def forget_scripts(self, _):
            plain.script_flush()

        def memory_is_full(self, _, on):
            plain.config_set("maxmemory", on)
            self.full = on

        def teardown(self):
            """Without faults everybody comes to an end once the leases of the dead have."""
            if not hasattr(self, "full"):
                return
            self.memory_is_full(None, 0)
            self.restart_empty(None)
            self.look()
            for turn in range(200):
                if self.readers:
                    self.go_on(turn, "done")
            assert not self.readers

        def ask(self, one, fate):
            match one.step:
                case reading.AskRedis():
                    self.redis.fate = fate
                    try:
                        one.found = self.redis.run(one.step.plan)
                        one.answer = (one.steps.send, one.found)
                    except StateError as error:
                        one.found, one.answer = None, (one.steps.throw, error)
                case reading.Load():
                    one.failed = fate == "refused"
                    one.answer = (
                        (one.steps.throw, LookupError()) if one.failed else (one.steps.send, self.rows[one.key])
                    )
                case reading.Follow():
                    if one.step.flight.landed.is_set():
                        one.found, one.answer = None, (one.steps.send, True)
                case reading.Pause():
                    one.found, one.answer = None, (one.steps.send, None)

        def tell(self, one):
            (how, answer), one.answer, one.alone = one.answer, None, None
            try:
                one.step = how(answer)
            except StopIteration as done:
                self.readers.remove(one)
                self.is_new_enough(one, done.value)
                return
            except LookupError:
                if not one.failed:
                    raise
                self.readers.remove(one)
                return
            mates = [
                mate for mate in self.readers if mate.alone is not None and (mate.who, mate.key) == (one.who, one.key)
            ]
            if isinstance(one.step, reading.Follow) and not one.step.flight.leased:  # Redis was away when it began
                one.floor = min([one.floor, *(mate.floor for mate in mates)])
            if isinstance(one.step, reading.Load):
                if isinstance(one.found, Found):
                    assert one.found.leads  # who has no lease waits for another
                    self.turn[one.who, one.key] += 1
                else:
                    one.alone = self.turn[one.who, one.key]
                    assert one.alone not in [mate.alone for mate in mates]

        def is_new_enough(self, one, value):
            assert max(one.floor, one.own) <= value <= self.rows[one.key]

        def look(self):
            """Only who has the lease fills, nothing that was invalidated since, and for no longer than it is true."""
            for key in NAMES:
                there = plain.pipeline(transaction=False).get(key).get(f"lease:{key}").execute(raise_on_error=False)
                value, lease = (BROKEN if isinstance(raw, redis.ResponseError) else raw for raw in there)
                if value is None and lease is None:
                    self.floor[key] = self.rows[key]
                elif value not in (None, BROKEN, self.last[key][0]):
                    assert self.floor[key] <= int(value) <= self.rows[key]
                    assert self.last[key][1] is not None
                    assert 0 < plain.pttl(key) <= self.left_ms(self.last[key][1], TTL_MS)
                self.last[key] = (value, lease)

        def left_ms(self, token, of_ms):
            return of_ms - self.aged.get(token, 0)

    return Caches


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    with (
        started(tmp_path) as port,
        StateRedis(Settings(address=("127.0.0.1", port), breaker=None)) as state,
        redis.Redis(port=port) as plain,
    ):
        yield lambda *without: machine_on(state, plain, frozenset(without))


def test_nobody_is_given_what_was_replaced_before(machine):
    played(machine(), examples=100, steps=50)


@pytest.mark.parametrize("without", sorted(HARDENINGS - {"jitter"}))
def test_the_machine_finds_a_cache_without(machine, without):
    found_out(machine(without), steps=50)


def test_who_begins_after_a_write_does_not_join_a_load_that_was_kept_before_it(tmp_path):
    """The reply to its keeping is held up, while another process writes, invalidates, and loads again."""
    with started(tmp_path) as port, StateRedis(Settings(address=("127.0.0.1", port))) as state:
        one, other = (Cache(state, CachePolicy(ttl_s=60)) for _ in range(2))
        slow, late, new = (reading.read(cache.desk, NAMES[0]) for cache in (one, one, other))
        assert isinstance(slow.send(state.run(next(slow).plan)), reading.Load)
        kept = state.run(slow.send("old").plan)
        assert kept
        assert other.write(NAMES[0], lambda: None).invalidated
        assert isinstance(new.send(state.run(next(new).plan)), reading.Load)
        assert isinstance(late.send(state.run(next(late).plan)), reading.Pause)
        with pytest.raises(StopIteration, match="old"):
            slow.send(kept)
