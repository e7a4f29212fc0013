"""Latency: quantiles with intervals against budgets and the noise floor."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.latency import judge
from pytest_arbredis.checkers.quantiles import intervals, nearest_rank
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import NOT_SENT, Header, Op

MS = 1_000_000


def run(get_ms, *, floor_ms=lambda _: 0.05, n=10_000, floor_n=1000, outcome=lambda _: "ok", late_ms=0.0) -> History:
    ops = [
        Op(
            id=i,
            process=0,
            name="GET",
            outcome=outcome(i),
            error=None if outcome(i) == "ok" else NOT_SENT,
            intended_ns=i * MS,
            invoked_ns=i * MS + int(late_ms * MS),
            completed_ns=i * MS + int(get_ms(i) * MS),
        )
        for i in range(n)
    ]
    ops += [
        Op(
            id=n + i,
            process=1,
            name="PING",
            outcome="ok",
            invoked_ns=i * MS,
            completed_ns=i * MS + int(floor_ms(i) * MS),
        )
        for i in range(floor_n)
    ]
    return History.of(Header(run="by hand", seed=7), ops)


def spread(base):
    chance = Random(1)
    return lambda _: base * chance.uniform(0.8, 1.2)


def test_a_budget_that_is_missed_on_a_quiet_machine_is_rejected():
    finding = checks.latency("GET", p99_ms=0.5)(run(spread(1.0)))
    assert finding.verdict is Verdict.INVALID
    assert "budget 0.5 ms (noise floor 0.050 ms)" in finding.summary
    assert "inconclusive_by_noise" not in finding.figures


def test_waiting_before_the_invocation_counts():
    assert checks.latency("GET", p50_ms=0.5)(run(spread(1.0), late_ms=0.9)).verdict is Verdict.INVALID


@pytest.mark.parametrize("outcome", ["fail", "unknown"])
def test_operations_without_an_answer_are_infinitely_late(outcome):
    history = run(spread(0.1), outcome=lambda i: outcome if i % 40 == 0 else "ok")
    finding = checks.latency("GET", p99_ms=0.5)(history)
    assert finding.verdict is Verdict.INVALID
    assert finding.figures["p99_ms"] is None


def test_a_budget_that_is_held_is_accepted_with_its_figures():
    finding = checks.latency("GET", p50_ms=0.15, p99_ms=0.5)(run(spread(0.1)))
    assert finding.verdict is Verdict.VALID
    assert finding.claim == "get_latency_within_budget"
    low, high = finding.figures["p99_interval_ms"]
    assert 0.11 < low <= finding.figures["p99_ms"] <= high < 0.121
    assert finding.figures["floor_p99_ms"] == 0.05
    assert finding.figures["n"] == 10_000


def test_a_held_budget_needs_no_floor():
    assert checks.latency("GET", p99_ms=0.5)(run(spread(0.1), floor_n=0)).verdict is Verdict.VALID


def test_the_worst_of_several_budgets_decides():
    finding = checks.latency("GET", p50_ms=5, p95_ms=0.5, p99_ms=5)(run(spread(1.0)))
    assert finding.verdict is Verdict.INVALID
    assert "P95" in finding.summary
    assert len(finding.lines) == 3


def test_fewer_than_ten_thousand_operations_are_unknown():
    finding = checks.latency("GET", p99_ms=0.5)(run(spread(0.1), n=9_999))
    assert finding.verdict is Verdict.UNKNOWN
    assert "inconclusive_by_noise" not in finding.figures


def test_a_noise_floor_above_the_budget_is_inconclusive():
    finding = checks.latency("GET", p99_ms=0.5)(run(spread(1.0), floor_ms=lambda _: 0.7))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.figures["inconclusive_by_noise"] is True
    assert "because of the noise floor" in finding.summary


def test_an_interval_that_straddles_the_budget_is_inconclusive():
    stalls = run(lambda i: 2.0 if i // 100 % 50 == 7 else 0.1)
    finding = checks.latency("GET", p99_ms=0.5)(stalls)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.figures["inconclusive_by_noise"] is True


def test_a_missed_budget_without_a_floor_is_unknown_but_not_for_noise():
    finding = checks.latency("GET", p99_ms=0.5)(run(spread(1.0), floor_n=299))
    assert finding.verdict is Verdict.UNKNOWN
    assert "inconclusive_by_noise" not in finding.figures


def test_the_same_seed_gives_the_same_interval():
    chance = Random(2)
    samples = [chance.random() for _ in range(10_000)]
    assert intervals(samples, [0.99], seed=3) == intervals(samples, [0.99], seed=3)
    assert intervals(samples, [0.99], seed=3) != intervals(samples, [0.99], seed=4)


def test_the_interval_of_clustered_stalls_is_wider_than_that_of_scattered_ones():
    clustered = [5.0 if i % 1000 < 10 else Random(i).random() for i in range(10_000)]
    scattered = [*clustered]
    Random(5).shuffle(scattered)
    wide, narrow = (intervals(samples, [0.985], seed=1)[0] for samples in (clustered, scattered))
    assert wide.high - wide.low > narrow.high - narrow.low


def test_intervals_cover_the_true_quantile():
    """Of 20 runs with a known quantile 19 should cover it; 14 or less would be a chance of 1 in 3000."""
    chance = np.random.default_rng(11)
    covered = 0
    for seed in range(20):
        [interval] = intervals(chance.exponential(size=2_000), [0.95], seed=seed)
        covered += interval.low <= -np.log(0.05) <= interval.high
    assert covered >= 15


def test_nearest_rank_is_a_sample():
    assert nearest_rank([4, 1, 3, 2], 0.5) == 2
    assert nearest_rank([4, 1, 3, 2], 0.99) == 4


@pytest.mark.parametrize(
    ("low", "high", "floor", "verdict"),
    [
        (0.4, 0.5, 0.9, Verdict.VALID),
        (0.5, 0.6, 0.1, Verdict.UNKNOWN),
        (0.51, 0.6, 0.5, Verdict.INVALID),
        (0.51, 0.6, 0.51, Verdict.UNKNOWN),
        (0.51, 0.6, None, Verdict.UNKNOWN),
    ],
)
def test_the_rule_at_its_borders(low, high, floor, verdict):
    assert judge(low, high, 0.5, floor)[0] is verdict


def test_an_allowance_asks_for_more_than_noise_and_still_rejects_what_is_slow():
    mild, slow = run(lambda _: 0.55), run(lambda _: 1.2)
    assert checks.latency("GET", p99_ms=0.5)(mild).verdict is Verdict.INVALID
    allowed = checks.latency("GET", p99_ms=0.5, noise_allowance=2)
    finding = allowed(mild)
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.figures["inconclusive_by_noise"]
    assert "noise floors" in finding.summary
    assert allowed(slow).verdict is Verdict.INVALID


@pytest.mark.parametrize("budgets", [{}, {"p99_ms": 0}])
def test_a_check_without_a_budget_is_refused_at_definition(budgets):
    with pytest.raises(UsageError, match="give a positive"):
        checks.latency("GET", **budgets)
