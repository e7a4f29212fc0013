"""Retries: how often a command was applied, against what was reported."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.testing.builder import HistoryBuilder


def increments(*cases) -> HistoryBuilder:
    """Cases of (outcome, result, error, final value), each by 5 on a key of its own."""
    h = HistoryBuilder()
    for i, (outcome, result, error, final) in enumerate(cases):
        h.increment(f"k{i}", 5, at=(i, i + 0.5), outcome=outcome, result=result, error=error)
        h.read(f"k{i}", final, at=9001 + i, final=True)
    h.phase("settled", at=9000)
    return h


ONCE = ("ok", 5, None, "5")
ELEVEN = ("unknown", None, "TimeoutError: timed out", "55")
TWICE = ("ok", 10, None, 10)
SILENT = ("unknown", None, "ConnectionError: closed", "5")
REFUSED = ("fail", None, "ConnectionError: refused", None)


def test_commands_applied_once_show_no_repetition():
    finding = checks.commands_are_repeated()(increments(ONCE, SILENT, REFUSED).build())
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.summary == "none of 3 increments was applied more than once"


@pytest.mark.parametrize("case", [ELEVEN, TWICE])
def test_a_command_applied_more_than_once_is_shown(case):
    finding = checks.commands_are_repeated()(increments(ONCE, case).build())
    assert finding.verdict is Verdict.VALID
    assert len(finding.proof) == 1


def test_the_lines_count_reports_by_applications():
    finding = checks.commands_are_repeated()(increments(ONCE, ONCE, ELEVEN, SILENT, REFUSED).build())
    assert finding.summary == "1 of 5 increments applied more than once, up to 11 times"
    assert finding.lines == (
        "reported 'ConnectionError', applied 0 times: 1 of 5",
        "reported 'ConnectionError', applied 1 time: 1 of 5",
        "reported 'TimeoutError', applied 11 times: 1 of 5",
        "reported 'ok 5', applied 1 time: 2 of 5",
    )


def test_an_error_that_hides_an_application_is_shown():
    finding = checks.unacknowledged_but_applied()(increments(ONCE, SILENT).build())
    assert finding.verdict is Verdict.VALID
    assert finding.summary == "1 of 2 increments reported an error and were applied once"


@pytest.mark.parametrize("cases", [(ONCE,), (REFUSED,), (SILENT, ELEVEN), ()])
def test_otherwise_nothing_unacknowledged_is_shown(cases):
    assert checks.unacknowledged_but_applied()(increments(*cases).build()).verdict is Verdict.UNKNOWN


def test_a_key_that_two_increments_share_judges_nothing():
    h = increments(("ok", 5, None, 10))
    h.increment("k0", 5, at=(100, 101), result=10)
    assert checks.commands_are_repeated()(h.build()).verdict is Verdict.UNKNOWN


def test_a_final_read_that_failed_judges_nothing():
    h = HistoryBuilder()
    h.phase("settled", at=10)
    h.increment("k", 1, at=(0, 1), result=1)
    h.read("k", "2", at=20, final=True, outcome="unknown")
    assert checks.commands_are_repeated()(h.build()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("final", ["seven", 7, -5, 5.0])
def test_a_final_value_that_cannot_be_is_an_error(final):
    with pytest.raises(MalformedHistoryError, match="ends as"):
        checks.commands_are_repeated()(increments(("ok", 5, None, final)).build())


@settings(deadline=None, max_examples=50, database=None)
@given(times=st.lists(st.integers(0, 11), min_size=1, max_size=8))
def test_a_repetition_is_shown_exactly_when_there_is_one(times):
    finding = checks.commands_are_repeated()(increments(*(("unknown", None, "x", 5 * t) for t in times)).build())
    assert finding.verdict is (Verdict.VALID if max(times) > 1 else Verdict.UNKNOWN)
    assert finding.figures["most_times"] == max(times)
