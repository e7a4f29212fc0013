"""What only the machine's noise left open is measured again, in a release drill: the first that decides counts."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.cli.catalogue import shipped
from pytest_arbredis.cli.playing import Playing
from pytest_arbredis.report.result import RunResult
from pytest_arbredis.run import Watch
from pytest_arbredis.topology.means import Means

BUDGETS = next(one for one in shipped()["latency_budgets"] if "release" in one.profiles)
CRASH = next(one for one in shipped()["failover"] if one.name == "failover.crash")
NOISY = (Verdict.UNKNOWN, {"inconclusive_by_noise": True})
OPEN = (Verdict.UNKNOWN, {})


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Run one scenario whose runs come out as told; gives the verdict that counts, and how many there were."""

    def measure(scenario, *outcomes, again):
        runs = []

        def run(scenario, pool, **how):  # noqa: ARG001
            verdict, figures = outcomes[len(runs)]
            finding = Finding(claim="c", verdict=verdict, summary="s", figures=figures)
            runs.append(
                RunResult(scenario=scenario.name, kind="guarantee", promise="p", verdict=verdict, findings=(finding,))
            )
            return runs[-1]

        monkeypatch.setattr("pytest_arbredis.run.run", run)
        told = []
        playing = Playing(means=Means(launcher="process"), seed=1, runs_dir=tmp_path, again=again)
        result = playing.play(scenario, None, watch=Watch(), done=told.append)
        assert told == runs
        return result.verdict, len(runs)

    return measure


def test_noise_is_measured_again_until_a_run_decides(measured):
    assert measured(BUDGETS, NOISY, (Verdict.VALID, {}), again=2) == (Verdict.VALID, 2)
    assert measured(BUDGETS, NOISY, NOISY, NOISY, again=2) == (Verdict.UNKNOWN, 3)


def test_an_accusation_stands_and_so_does_what_is_open_for_another_reason(measured):
    assert measured(BUDGETS, (Verdict.INVALID, {}), again=2) == (Verdict.INVALID, 1)
    assert measured(BUDGETS, OPEN, again=2) == (Verdict.UNKNOWN, 1)


def test_nothing_else_is_run_again(measured):
    assert measured(BUDGETS, NOISY, again=0) == (Verdict.UNKNOWN, 1)
    assert measured(CRASH, NOISY, again=2) == (Verdict.UNKNOWN, 1)
