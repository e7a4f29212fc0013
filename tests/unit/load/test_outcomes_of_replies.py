"""Errors that redis-py gives as replies, with `raise_on_error=False`."""

from __future__ import annotations

import pytest
import redis.exceptions as rx

from pytest_arbredis.load.replies import error_in_replies, outcome_of_replies

WRONG_TYPE = rx.ResponseError("WRONGTYPE Operation against a key")
READ_ONLY = rx.ReadOnlyError("You can't write against a read only replica.")
NO_INTEGER = rx.ResponseError("value is not an integer or out of range")
IN_SCRIPT = rx.ResponseError("WRONGTYPE x script: 1a, on @user_script:1.")


@pytest.mark.parametrize(
    ("replies", "attempts", "outcome"),
    [
        ([], 1, "ok"),
        ([True, 1, None], 1, "ok"),
        ([True, 1, None], 2, "ok"),
        ([True, WRONG_TYPE, True], 1, "unknown"),
        ([WRONG_TYPE], 1, "fail"),
        ([READ_ONLY, WRONG_TYPE], 1, "fail"),
        ([READ_ONLY, WRONG_TYPE], 2, "unknown"),
        ([READ_ONLY, WRONG_TYPE], None, "unknown"),
        ([READ_ONLY, NO_INTEGER], 1, "unknown"),
        ([READ_ONLY, IN_SCRIPT], 1, "unknown"),
    ],
    ids=repr,
)
def test_only_a_pipeline_all_of_whose_commands_were_refused_is_not_applied(replies, attempts, outcome):
    assert outcome_of_replies(replies, attempts=attempts) == outcome


def test_the_record_says_how_many_failed_and_why_the_first_did():
    assert error_in_replies([True, WRONG_TYPE, READ_ONLY]) == (
        "2 of 3 commands failed, the first: ResponseError: WRONGTYPE Operation against a key"
    )
    assert error_in_replies([True, 1]) is None
