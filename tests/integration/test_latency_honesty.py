"""Latency budgets on real servers, of subjects that are slow by plan: never held, whatever this machine does meanwhile.

That an honest subject holds them cannot be asked of a machine that also runs tests; that it breaks none can.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace

import pytest

from pytest_arbredis import subjects
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.report.text import failure_text
from pytest_arbredis.scenarios.latency_budgets import LOCALHOST


@dataclass
class Slow:
    """redis-py, with a share of its GETs slower by some milliseconds that it computes away."""

    ms: float
    share: float
    name: str = "slow by plan"

    def open(self, endpoints):
        return SlowSession(self, subjects.direct().open(endpoints))


class SlowSession:
    def __init__(self, plan, session):
        self.plan, self.session, self.chance = plan, session, random.Random(5)

    def apply(self, op):
        if op.name == "GET" and self.chance.random() < self.plan.share:
            until_ns = time.monotonic_ns() + int(self.plan.ms * 1e6)
            while time.monotonic_ns() < until_ns:
                pass
        return self.session.apply(op)

    def close(self):
        self.session.close()


def get_budget(result):
    return next(finding for finding in result.findings if finding.claim == "get_latency_within_budget")


pytestmark = pytest.mark.thorough


@pytest.mark.parametrize(("ms", "share"), [(0.6, 0.02), (0.3, 1.0), (2.0, 0.05)])
def test_a_slow_subject_never_holds_its_budgets(judged, ms, share):
    result = judged(replace(LOCALHOST, name="slow", subject=Slow(ms, share)))
    assert get_budget(result).verdict is not Verdict.VALID, failure_text(result)


def test_an_honest_subject_breaks_no_budget_and_its_finding_says_how_it_was_measured(judged):
    result = judged(LOCALHOST)
    assert result.verdict is not Verdict.INVALID, failure_text(result)
    figures = get_budget(result).figures
    assert "cores_kept_awake" in figures
    assert figures["rounds_measured"] >= 100
