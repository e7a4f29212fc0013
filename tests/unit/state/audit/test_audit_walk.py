"""An audit counts in bounded memory, waits as long as it works, and says what it could not name."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.audit.auditor import Auditor
from pytest_arbredis.state.audit.look import look
from pytest_arbredis.state.errors import MisuseError

INFO = b"redis_version:7.0.15\r\nused_memory:10\r\nmaxmemory_policy:%s\r\nkeyspace_hits:3\r\nkeyspace_misses:1\r\n"


class ManualClock:
    def __init__(self):
        self.now_ns = 0
        self.slept = []

    def monotonic_ns(self):
        return self.now_ns

    def wall_ns(self):
        return self.now_ns

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_ns += int(seconds * 1e9)


class Scripted:
    """Answers plans from a list of replies; each takes `step_ms`."""

    def __init__(self, clock, replies, step_ms=2):
        self._clock = clock
        self._replies = list(replies)
        self._step_ms = step_ms

    def run(self, plan, **_):
        try:
            next(plan)
            while True:
                self._clock.now_ns += self._step_ms * 1_000_000
                plan.send(self._replies.pop(0))
        except StopIteration as done:
            return done.value

    def line(self, **_):
        raise NotImplementedError


def step(cursor, *keys):
    """A reply of the script: session hashes of 100 bytes without an expiry, unless it says something else."""
    said = ",".join(f"{kind} {ttl} 100 0 0" for _, kind, ttl in keys)
    return [b"%d" % cursor, [key.encode() for key, _, _ in keys], said.encode(), []]


def session(number):
    return (f"arbitrage:state:paper:s{number}:session", "hash", -1)


def audited(*replies, policy=b"noeviction", clock=None, **options):
    clock = clock or ManualClock()
    redis = Scripted(clock, [INFO % policy, 4, *replies])
    return Auditor(redis, clock=clock, sleep=clock.sleep, **options).audit()


def test_keys_are_counted_by_pattern_over_all_steps():
    report = audited(step(7, session(1), session(2)), step(0, session(3), ("price:BTC", "string", 900)))
    assert {each.grammar: each.keys for each in report.patterns} == {
        "arbitrage:state:{env}:{session_id}:{category}": 3,
        "price:{symbol}": 1,
    }
    assert report.average_bytes == 100
    assert report.clean
    assert report.server.hit_rate == 0.75


def test_only_the_first_breaches_are_kept_and_all_are_counted():
    report = audited(step(1, *((f"junk{n}", "string", -1) for n in range(20))), step(0, ("more", "list", -1)), shown=3)
    assert [breach.key for breach in report.breaches] == ["junk0", "junk1", "junk2"]
    assert report.by_rule == {"grammar": 21}
    assert not report.clean


def test_a_rule_that_is_broken_often_hides_no_other():
    often = [(f"junk{n}", "string", -1) for n in range(50)]
    report = audited(step(1, *often), step(0, ("price:BTC", "string", -1), ("price:ETH", "hash", 900)), shown=4)
    assert [(breach.rule, breach.key) for breach in report.breaches] == [
        ("grammar", "junk0"),
        ("grammar", "junk1"),
        ("ttl", "price:BTC"),
        ("type", "price:ETH"),
    ]
    assert report.by_rule == {"grammar": 50, "ttl": 1, "type": 1}


def test_state_that_may_be_evicted_is_found():
    assert audited(step(0, session(1)), policy=b"allkeys-lru").state_may_be_evicted
    assert not audited(step(0, ("price:BTC", "string", 900)), policy=b"allkeys-lru").state_may_be_evicted
    assert not audited(step(0, session(1)), policy=b"volatile-lru").state_may_be_evicted


@pytest.mark.parametrize(("share", "pause_s"), [(0.5, 0.002), (0.25, 0.006), (1.0, 0.0)])
def test_it_waits_between_steps_so_that_others_have_their_share(share, pause_s):
    clock = ManualClock()
    audited(step(1), step(2), step(0), clock=clock, share=share)
    assert clock.slept == pytest.approx([pause_s, pause_s, 0.0])


@pytest.mark.parametrize(("counting_ms", "pause_s"), [(0.5, 0.0015), (5, 0.0)])
def test_what_it_counts_meanwhile_is_part_of_the_wait(counting_ms, pause_s):
    clock = ManualClock()
    counts = lambda *_: setattr(clock, "now_ns", clock.now_ns + int(counting_ms * 1e6))  # noqa: E731
    redis = Scripted(clock, [INFO % b"noeviction", 1, step(5, session(1)), step(0)])
    Auditor(redis, clock=clock, sleep=clock.sleep).audit(progress=counts)
    assert clock.slept == pytest.approx([pause_s, 0.0])


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1.5}, {"shown": -1}])
def test_settings_that_cannot_be_are_refused(options):
    with pytest.raises(MisuseError):
        audited(step(0), **options)


def test_progress_is_told_after_every_step():
    clock, told = ManualClock(), []
    redis = Scripted(clock, [INFO % b"noeviction", 3, step(5, session(1), session(2)), step(0, session(3))])
    Auditor(redis, clock=clock, sleep=clock.sleep).audit(progress=lambda keys, of: told.append((keys, of)))
    assert told == [(2, 3), (3, 3)]


def test_keys_beyond_twenty_are_described_by_a_script_of_their_own():
    plan = look(0)
    next(plan)
    reply = step(9, session(1))
    reply[3] = [b"junk%d" % n for n in range(25)]
    asks = [plan.send(reply)]
    asks.append(plan.send(step(0, session(2))))
    assert [len(ask.keys) for ask in asks] == [20, 5]
    with pytest.raises(StopIteration) as done:
        plan.send(step(0, session(3)))
    assert done.value.value.cursor == 9
    assert len(done.value.value.keys) == 3


def test_a_key_that_is_no_text_is_told_by_its_bytes():
    report = audited([b"0", [b"\xff\x00"], b"string -1 50 0 0", []])
    assert report.breaches[0].key == "\\xff\x00"
