"""Lost messages: shown only between two that arrived, and called silent only where no error was reported."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.testing.builder import HistoryBuilder


def history(received, *, publish_outcomes=("ok",) * 4, failed_receive=None, channel="c") -> HistoryBuilder:
    h = HistoryBuilder()
    for number, outcome in enumerate(publish_outcomes):
        at = 100 * number
        h.op("publish", channel, input=f"m{number}", output=1, at=(at, at + 1), outcome=outcome)
    for number, messages in enumerate(received):
        at = 50 + 100 * number
        h.op("receive", channel, output=list(messages), at=(at, at + 1))
    if failed_receive is not None:
        h.op("receive", channel, at=(failed_receive, failed_receive + 1), outcome="unknown", error="ConnectionError")
    return h


def test_a_message_between_two_that_arrived_is_lost_silently():
    finding = checks.messages_are_lost()(history([("m0",), (), ("m2", "m3")]).build())
    assert finding.verdict is Verdict.VALID
    assert finding.proof == (1,)
    assert finding.figures["lost_silently"] == 1


def test_with_an_error_between_them_the_subscriber_was_told():
    finding = checks.messages_are_lost()(history([("m0",), (), ("m2", "m3")], failed_receive=180).build())
    assert finding.verdict is Verdict.VALID
    assert finding.figures["lost_silently"] == 0


@pytest.mark.parametrize(
    "nothing_lost",
    [
        history([("m0", "m1"), ("m2", "m3")]),
        history([("m1",), ("m2", "m3")]),
        history([("m0", "m1"), ("m2",)]),
        history([(), (), ()]),
        history([("m0",), ("m2", "m3")], publish_outcomes=("ok", "unknown", "ok", "ok")),
    ],
    ids=["all arrived", "before its first", "after its last", "never there", "not acknowledged"],
)
def test_what_is_not_between_two_that_arrived_shows_nothing(nothing_lost):
    assert checks.messages_are_lost()(nothing_lost.build()).verdict is Verdict.UNKNOWN
