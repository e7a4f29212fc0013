"""Breakers against what the servers saw: with events of their own, without them, and how fast they turn calls away."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder

SLOW = checks.breaker_opens_by_traffic(during="latency", within_s=1, timeout_s=1)


def command(h, at, *words, client="c1", node="n0"):
    data = {"kind": "command", "node": node, "client": client, "words": [*(words or ("SET", "k", "v"))]}
    h.event("note", node, at=at, data=data)


def opened(*, until=1100, breaker="redis"):
    """Open from 100 ms to `until`; commands are seen before and after, and no calls are recorded."""
    h = HistoryBuilder()
    command(h, 10)
    for seq, (at, source, target) in enumerate(((100, "closed", "open"), (until, "open", "half-open")), 1):
        data = {"id": breaker, "seq": seq, "from": source, "to": target, "cause": None}
        h.event("breaker", "subject", at=at, data=data)
    command(h, until + 1)
    return h


@pytest.mark.parametrize(("at", "verdict"), [(199, Verdict.VALID), (201, Verdict.INVALID), (1099, Verdict.INVALID)])
def test_a_command_while_open_is_rejected_but_for_a_moment_after_the_opening(at, verdict):
    h = opened()
    command(h, at)
    assert checks.no_command_while_open()(h.build()).verdict is verdict


def test_only_the_names_asked_for_are_commands():
    h = opened()
    command(h, 500, "PUBLISH", "c", "x")
    assert checks.no_command_while_open(names=("set",))(h.build()).verdict is Verdict.VALID
    assert checks.no_command_while_open(names=("publish",))(h.build()).verdict is Verdict.INVALID


def test_a_command_on_another_key_than_the_call_under_way_is_rejected():
    for key, verdict in (("k", Verdict.UNKNOWN), ("other", Verdict.INVALID)):
        h = opened()
        h.write(key, "v", at=(90, 2000), outcome="unknown")
        command(h, 500)
        assert checks.no_command_while_open()(h.build()).verdict is verdict


def test_a_command_with_the_value_of_a_call_made_while_open_is_proven_by_it():
    h = opened()
    h.write("k", "older", at=(90, 2000), outcome="unknown")
    later = h.write("k", "later", at=(490, 510), process=1)
    h.write("k", "latest", at=(700, 710), process=1)
    command(h, 500, "SET", "k", "later")
    finding = checks.no_command_while_open()(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.proof == (later,)


def test_a_value_that_an_older_call_has_too_proves_nothing():
    h = opened()
    h.write("k", "v", at=(90, 2000), outcome="unknown")
    h.write("k", "v", at=(490, 510), process=1)
    command(h, 500, "SET", "k", "v")
    assert checks.no_command_while_open()(h.build()).verdict is Verdict.UNKNOWN


def test_a_call_that_was_answered_before_the_opening_excuses_nothing():
    h = opened()
    h.write("k", "v", at=(80, 90))
    command(h, 500)
    assert checks.no_command_while_open()(h.build()).verdict is Verdict.INVALID


def test_a_key_is_known_again_when_its_word_was_shortened():
    h = opened()
    h.write("k" * 200, "v", at=(90, 2000), outcome="unknown")
    command(h, 500, "SET", "k" * 79 + "…", "v")
    assert checks.no_command_while_open()(h.build()).verdict is Verdict.UNKNOWN


def test_commands_that_were_not_recorded_make_it_unknown():
    h = opened()
    h.event("note", "n0", at=600, data={"kind": "commands-not-recorded", "count": 3})
    assert checks.no_command_while_open()(h.build()).verdict is Verdict.UNKNOWN


def test_commands_of_two_breakers_cannot_be_told_apart():
    h = opened()
    h.event("breaker", "subject", at=1, data={"id": "b", "seq": 1, "from": "closed", "to": "open", "cause": None})
    command(h, 500)
    assert checks.no_command_while_open()(h.build()).verdict is Verdict.UNKNOWN


def box(commands_ms, *, nodes=("n0",), ended=5000):
    h = HistoryBuilder()
    h.fault("latency", "primary", nodes=nodes, at=(1000, ended), evidence="203 ms")
    for at in commands_ms:
        command(h, at)
    h.phase("end", at=10_000)
    return h.build()


USUAL = [*range(0, 1000, 50), 1100, 1300]
PROBE = 2500


@settings(deadline=None, max_examples=60, database=None)
@given(gaps=st.lists(st.integers(300, 2000), min_size=1, max_size=8))
def test_traffic_stops_if_and_only_if_no_two_probes_come_within_one_time_out(gaps):
    probes, at = [], 2001
    for gap in gaps:
        probes.append(at)
        at += gap
    probes = [probe for probe in probes if probe < 5000]
    stopped = all(later - earlier >= 900 for earlier, later in pairwise(probes))
    finding = SLOW(box([*USUAL, *probes, 5100]))
    assert finding.verdict is (Verdict.VALID if stopped else Verdict.INVALID)


@pytest.mark.parametrize(("back", "verdict"), [(6149, Verdict.VALID), (6151, Verdict.INVALID)])
def test_traffic_comes_back_within_the_time_out_and_the_longest_pause_before(back, verdict):
    assert SLOW(box([*USUAL, PROBE, back])).verdict is verdict


def test_silence_without_a_probe_shows_nothing():
    finding = SLOW(box([*USUAL, 5100]))
    assert finding.verdict is Verdict.UNKNOWN
    assert "no probe was seen" in finding.summary


def test_commands_at_another_node_are_not_judged():
    assert SLOW(box([*USUAL, 5100], nodes=("n1",))).verdict is Verdict.UNKNOWN


def test_a_fault_too_short_for_a_probe_is_unknown():
    assert SLOW(box([*USUAL, 5100], ended=2500)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("wrong", [{"within_s": 0}, {"timeout_s": 0}, {"probes": 0}, {"tolerance_ms": -1}])
def test_limits_that_no_breaker_has_are_refused(wrong):
    with pytest.raises(UsageError):
        checks.breaker_opens_by_traffic(**{"during": "latency", "within_s": 1, "timeout_s": 1, **wrong})


def rejections(waits_ms, *, floor_ms=0.05):
    h = HistoryBuilder()
    for place, wait_ms in enumerate(waits_ms):
        at = place * 10
        h.op("write", "k", at=(at, at + wait_ms), outcome="fail", error="CircuitBreakerError: open")
        h.op("PING", at=(at, at + floor_ms), process=1)
    return checks.rejections_within_budget(p99_ms=1)(h.build())


def test_rejections_are_held_to_their_budget():
    assert rejections([0.02] * 300).verdict is Verdict.VALID
    assert rejections([5.0] * 300).verdict is Verdict.INVALID


def test_slow_rejections_on_a_noisy_machine_are_unknown():
    finding = rejections([5.0] * 300, floor_ms=3)
    assert finding.verdict is Verdict.UNKNOWN
    assert "noise floor" in finding.summary


def test_a_budget_that_nothing_meets_is_refused():
    with pytest.raises(UsageError):
        checks.rejections_within_budget(p99_ms=0)
