"""The marker's budgets, judged on made histories: broken fails, and is kept for reruns; inconclusive skips."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Header, Op
from pytest_arbredis.views.budget import judge
from pytest_arbredis.views.recording import FLOOR
from pytest_arbredis.views.telling import INVALID, unhidden


def history(took_ms: float, floor_ms: float, count: int = 10_000) -> History:
    step = 10 * NS_PER_MS
    ops = [
        Op(
            id=n,
            process=0,
            name="GET",
            invoked_ns=n * step,
            completed_ns=n * step + int(took_ms * NS_PER_MS),
            outcome="ok",
        )
        for n in range(count)
    ]
    ops += [
        Op(
            id=count + n,
            process=1,
            name=FLOOR,
            invoked_ns=n * step,
            completed_ns=n * step + int(floor_ms * NS_PER_MS),
            outcome="ok",
        )
        for n in range(count // 10)
    ]
    return History.of(Header(run="made"), ops)


def item(*markers: pytest.MarkDecorator) -> SimpleNamespace:
    stash = pytest.Stash()
    marks = [marker.mark for marker in markers]
    return SimpleNamespace(iter_markers=lambda name: [mark for mark in marks if mark.name == name], stash=stash)


def budget(**budgets: float) -> pytest.MarkDecorator:
    return pytest.mark.latency_budget("GET", **budgets)


def seen(made: History) -> SimpleNamespace:
    return SimpleNamespace(history=lambda: made)


def test_one_that_holds_says_nothing():
    judge(item(budget(p99_ms=1.0)), seen(history(0.5, 0.1)))


def test_a_broken_one_fails_with_its_figures_and_before_an_open_one():
    markers = budget(p99_ms=0.000_1), budget(p99_ms=1.0, p50_ms=2.0)
    with pytest.raises(
        pytest.fail.Exception, match=r"(?s)^get_latency_within_budget: GET P99 1\.500 ms .* budget 1 ms"
    ):
        judge(item(*markers), seen(history(1.5, 0.1)))


def test_an_open_one_skips_with_its_figures():
    with pytest.raises(pytest.skip.Exception, match=r"^INCONCLUSIVE get_.*noise floor \(1\.200 ms\)"):
        judge(item(budget(p99_ms=1.0)), seen(history(1.5, 1.2)))
    with pytest.raises(pytest.skip.Exception, match="9 GET operations: 10000 are needed"):
        judge(item(budget(p99_ms=1.0)), seen(history(0.5, 0.1, count=9)))


def test_noise_of_less_than_two_floors_breaks_nothing():
    with pytest.raises(pytest.skip.Exception, match="above the budget by less than 2 noise floors"):
        judge(item(budget(p99_ms=1.0)), seen(history(1.5, 0.4)))


def test_a_broken_one_is_told_again_by_a_rerun():
    one = item(budget(p99_ms=1.0))
    with pytest.raises(pytest.fail.Exception), unhidden(one):
        judge(one, seen(history(1.5, 0.1)))
    assert INVALID in one.stash
    with pytest.raises(pytest.fail.Exception, match="of an earlier attempt"), unhidden(one):
        raise AssertionError("was run again")


def test_an_ordinary_failure_may_be_run_again():
    one = item()
    with pytest.raises(AssertionError), unhidden(one):
        raise AssertionError
    with unhidden(one):
        pass
