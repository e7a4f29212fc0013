"""Claims that something happens sometimes: shown or not shown, never refuted."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.records import NOT_SENT
from pytest_arbredis.testing.builder import HistoryBuilder


def errors(*texts) -> HistoryBuilder:
    h = HistoryBuilder()
    for number, text in enumerate(texts):
        h.write("k", f"v{number}", at=(2 * number, 2 * number + 1), outcome="fail" if text else "ok", error=text)
    return h


def slow(op):
    return op.completed_ns - op.invoked_ns > 5_000_000


def test_one_operation_is_enough():
    h = errors(None)
    shown = h.write("k", "v", at=(10, 20))
    finding = checks.sometimes("a_client_waited", slow)(h.build())
    assert (finding.verdict, finding.claim, finding.proof) == (Verdict.VALID, "a_client_waited", (shown,))
    assert finding.summary == "a client waited: 1 of 2 operations"


def test_what_did_not_happen_is_unknown():
    finding = checks.sometimes("a_client_waited", slow)(errors(None).build())
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.summary.endswith("(at least 1 wanted; another run may show it)")


def test_final_reads_and_what_was_never_sent_do_not_count():
    h = errors(NOT_SENT)
    h.read("k", None, at=(10, 20), final=True)
    assert checks.sometimes("anything", lambda _: True)(h.build()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("error", "text", "shown"),
    [
        ("READONLY", "ReadOnlyError: You can't write against a read only replica.", True),
        ("BUSY", "ResponseError: BUSYGROUP Consumer Group name already exists", False),
        ("CLUSTERDOWN", "ResponseError: CLUSTERDOWN Hash slot not served", True),
        ("DOWN", "ResponseError: CLUSTERDOWN Hash slot not served", False),
        ("TimeoutError", "TimeoutError: timed out", True),
    ],
)
def test_an_error_is_told_by_its_word_or_its_class(error, text, shown):
    finding = checks.sometimes_error(error)(errors(text).build())
    assert finding.verdict is (Verdict.VALID if shown else Verdict.UNKNOWN)


def test_a_claim_is_named_after_its_error():
    assert checks.sometimes_error("READONLY").claim == "sometimes_error_readonly"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: checks.sometimes("two words", slow),
        lambda: checks.sometimes("name", 3),
        lambda: checks.sometimes("name", slow, at_least=0),
        lambda: checks.sometimes_error(" "),
        lambda: checks.sometimes_error("OOM", at_least=0),
    ],
)
def test_what_can_never_be_shown_or_always_is_refused_at_definition(wrong):
    with pytest.raises(UsageError):
        wrong()
