"""The ambiguity ledger: what it counts, by which construction of the client, and what it refuses."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import MalformedHistoryError, UsageError
from pytest_arbredis.testing.builder import HistoryBuilder


def appended(*cases, final, key="log") -> HistoryBuilder:
    """Cases of (token, outcome, construction of the client)."""
    h = HistoryBuilder(subject="redis-py")
    for number, (token, outcome, client) in enumerate(cases):
        meta = {"client": client} if client else None
        error = None if outcome == "ok" else "TimeoutError: timed out"
        h.op("append", key, input=token, at=(2 * number, 2 * number + 1), outcome=outcome, meta=meta, error=error)
    h.phase("settled", at=9000)
    h.op("read", key, output=final, at=9001, final=True)
    return h


def test_the_lines_count_by_construction_of_the_client():
    h = appended(("a", "ok", "Redis"), ("b", "unknown", "Redis"), ("c", "ok", "from_url"), final=["a", "b", "b", "c"])
    finding = checks.applied_at_most(1)(h.build())
    assert finding.summary == "1 of 3 operations were applied more than once (at most 2)"
    assert finding.lines == (
        "Redis: reported 'TimeoutError', applied 2 times: 1 of 2",
        "Redis: reported 'ok', applied 1 time: 1 of 2",
        "from_url: reported 'ok', applied 1 time: 1 of 1",
    )


def test_what_was_reported_as_failed_may_not_be_there_at_all():
    finding = checks.applied_at_most(3)(appended(("a", "fail", None), final=["a"]).build())
    assert finding.verdict is Verdict.INVALID
    assert "1 of them had been reported as failed" in finding.summary


def test_the_headers_subject_is_the_construction_of_those_that_name_none():
    h = appended(("a", "ok", None), ("b", "ok", "Redis"), final=["a", "b", "b"])
    assert checks.applied_at_most(1, client="redis-py")(h.build()).verdict is Verdict.VALID
    assert checks.applied_at_most(1, client="Redis")(h.build()).verdict is Verdict.INVALID
    assert checks.applied_at_most(1, client="nobody")(h.build()).verdict is Verdict.UNKNOWN


def test_tokens_are_told_apart_by_type():
    h = appended((1, "ok", None), ("1", "ok", None), (True, "ok", None), final=[1, "1", True])
    assert checks.applied_at_most(1)(h.build()).verdict is Verdict.VALID


def test_a_violation_outweighs_what_could_not_be_counted():
    h = appended(("a", "ok", None), ("b", "ok", None), ("b", "ok", None), final=["a", "a", "b", "b"])
    finding = checks.applied_at_most(1)(h.build())
    assert finding.verdict is Verdict.INVALID
    assert finding.figures["uncounted"] == 2


def test_what_two_operations_share_is_the_reason_for_unknown():
    h = appended(("a", "ok", None), ("b", "ok", None), ("b", "ok", None), final=["a", "b", "b"])
    finding = checks.applied_at_most(1)(h.build())
    assert finding.verdict is Verdict.UNKNOWN
    assert "not theirs alone" in finding.summary


def test_a_final_value_that_is_no_list_is_an_error():
    with pytest.raises(MalformedHistoryError, match="ends as 'ab'"):
        checks.applied_at_most(1)(appended(("a", "ok", None), final="ab").build())


@pytest.mark.parametrize("wrong", [checks.applied_at_most, checks.applied_at_least])
def test_a_bound_of_zero_is_refused_at_definition(wrong):
    with pytest.raises(UsageError, match="use 1 or more"):
        wrong(0)
