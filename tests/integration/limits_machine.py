"""Any sequence of requests, lost replies, clocks that step and failovers: what passes is what a list of times says.

The model has for each key who passed, at which microsecond of the server, whose clock steps when these are moved. The
reply that a caller lost is seen all the same: the model is exact after each step.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from lossy import Lossy
from seen import Seen

from pytest_arbredis.state.errors import ConnectionLostError, OutOfMemoryError, RejectedError, StateError
from pytest_arbredis.state.keyspace.patterns import ORDER_LIMIT
from pytest_arbredis.state.limits.limit import Decision, Limit
from pytest_arbredis.state.limits.plans import decided
from pytest_arbredis.state.limits.window import SlidingWindow

WINDOW_MS = 600_000
WINDOW_US = WINDOW_MS * 1000
STEPS_MS = st.sampled_from([-2 * WINDOW_MS, -WINDOW_MS // 3, 1, WINDOW_MS // 2, WINDOW_MS - 500, WINDOW_MS])
FAULTS = st.sets(st.sampled_from(["no memory", "no scripts", "lost"]), max_size=2)
CLOCKS = [SimpleNamespace(wall_ns=lambda at=at: at * 10**9) for at in (0, 4_000_000_000, 1_700_000_000)]
LIMITS = [
    Limit(keys=ORDER_LIMIT, most=2, window_s=600, when_redis_is_away="closed"),
    Limit(keys=ORDER_LIMIT, most=3, window_s=600, when_redis_is_away="open"),
    Limit(keys=ORDER_LIMIT, most=3, window_s=600, when_redis_is_away="open", wait_replicas=1, wait_ms=1),
]
WINDOWS, WHO = st.sampled_from(range(len(LIMITS))), st.sampled_from(["ratelimit:orders:a", "ratelimit:orders:b"])


def machine_on(state, plain, without=frozenset()):
    class Requests(RuleBasedStateMachine):
        """`counted` is what each key holds, `copy` what a replica that lags has of it."""

        @initialize()
        def begin(self):
            plain.flushall()
            self.seen = Seen(state)
            self.lossy = Lossy(self.seen)
            made = zip(LIMITS, CLOCKS, strict=True)
            self.windows = [SlidingWindow(self.lossy, one, clock=clock, _without=without) for one, clock in made]
            self.counted, self.copy = {}, {}

        @rule(number=WINDOWS, key=WHO, faults=FAULTS)
        def take(self, number, key, faults):
            with self.suffering(faults):
                try:
                    told = self.windows[number].take(key[-1])
                except StateError as error:
                    told = error
            answer, limit = self.counts(number, key, faults), LIMITS[number]
            by_redis = answer and "lost" not in faults and not (answer.allowed and limit.wait_replicas)
            policy = Decision(allowed=limit.when_redis_is_away == "open", decided_by="policy")
            assert told == (answer if by_redis else policy)

        @rule(number=WINDOWS, key=WHO, faults=FAULTS)
        def look(self, number, key, faults):
            told = error = None
            try:
                with self.suffering(faults):
                    told = self.windows[number].get_remaining(key[-1])
            except (ConnectionLostError, OutOfMemoryError) as caught:
                error = caught
            answer = self.counts(number, key, faults)
            assert error is None or (error.applied == "no") == (answer is None)
            assert told is None or told == replace(answer, allowed=answer.remaining > 0)
            assert (told is None) == ("lost" in faults or answer is None)

        @rule(by_ms=STEPS_MS)
        def the_clock_steps(self, by_ms):
            for kept in (self.counted, self.copy):
                for key, counted in kept.items():
                    kept[key] = {one: at - by_ms * 1000 for one, at in counted.items()}
            for key in plain.keys("*"):
                plain.zadd(key, self.counted[key.decode()])
                if (ttl_ms := plain.pttl(key)) >= 0 and plain.pexpire(key, ttl_ms - by_ms) and ttl_ms <= by_ms:
                    assert not self.left(key.decode(), now_us())  # nothing ends that still counts
                    del self.counted[key.decode()]

        @rule(key=WHO)
        def a_request_comes_from_the_end_of_time(self, key):
            plain.zadd(key, {b"foreign": math.inf})
            plain.persist(key)
            self.counted[key] = {**self.counted.get(key, {}), b"foreign": math.inf}

        @rule(fails=st.sampled_from(["copy", "loses", "loses all"]))
        def fail_over(self, fails):
            if fails == "copy":
                self.copy = {key: dict(counted) for key, counted in self.counted.items()}
                return
            plain.flushall()
            self.counted = {key: dict(one) for key, one in self.copy.items() if fails == "loses" and one}
            for key, counted in self.counted.items():
                plain.zadd(key, counted)
                plain.pexpire(key, 4 * WINDOW_MS)  # its clock may be another

        @rule(number=WINDOWS, key=WHO, faults=FAULTS)
        def another_type_is_in_its_place(self, number, key, faults):
            plain.delete(key)
            plain.rpush(key, "foreign")
            with self.suffering(faults), pytest.raises(RejectedError):
                self.windows[number].take(key[-1])
            assert plain.lpop(key) == b"foreign"
            self.counted.pop(key, None)

        @contextmanager
        def suffering(self, faults):
            self.lossy.loses = 0 if "lost" in faults else None
            if "no scripts" in faults:
                plain.script_flush()
            plain.config_set("maxmemory", int("no memory" in faults))
            try:
                yield
            finally:
                plain.config_set("maxmemory", 0)

        def counts(self, number, key, faults):
            """What Redis answered, after the model did the same; None if it refused, and then nothing changed."""
            found = dict(plain.zrangebyscore(key, 0, "+inf", withscores=True))  # below 0 is the longest window
            if self.seen.reply is None:
                assert "no memory" in faults
                assert found == self.counted.get(key, {})
                return None
            answer, most = decided(self.seen.reply), LIMITS[number].most
            here = self.left(key, now := answer.server_us)
            new = found.keys() - here.keys()
            assert len(new) == answer.allowed <= (len(here) < most)
            self.counted[key] = here | dict.fromkeys(new, now)
            assert found == self.counted[key]
            at = sorted(found.values())
            assert answer.remaining == max(0, most - len(at))
            assert answer.reset_us == (now if len(at) < most else at[-most] + WINDOW_US)
            ttl_ms = plain.pttl(key)
            assert not at or at[-1] + WINDOW_US <= now_us() + (ttl_ms + 1) * 1000
            assert not new or ttl_ms <= WINDOW_MS + 1
            return answer

        def left(self, key, now):
            """What is in the window; what seems to be yet to come has come by now."""
            return {one: min(at, now) for one, at in self.counted.get(key, {}).items() if at > now - WINDOW_US}

    def now_us():
        seconds, micros = plain.time()
        return seconds * 1_000_000 + micros

    return Requests
