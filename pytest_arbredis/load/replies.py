"""What the replies of a pipeline or a transaction mean for it as one operation, where errors are among them.

redis-py gives errors as replies with `execute(raise_on_error=False)`. Source of the rule: a command that fails inside
MULTI does not undo those beside it (redis.io, "Transactions").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.load.outcomes import Attempt, classify, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.records import Outcome


def outcome_of_replies(replies: Sequence[object], *, attempts: int | None) -> Outcome:
    """`ok` without an error, `fail` if every command was refused in the only attempt, else unknown: partly applied."""
    errors = [reply for reply in replies if isinstance(reply, BaseException)]
    if not errors:
        return "ok"
    refused = all((row := row_of(error, commands=1)) is not None and row.attempt is Attempt.REFUSED for error in errors)
    if refused and len(errors) == len(replies) and classify(errors[0], attempts=attempts, commands=1) == "fail":
        return "fail"
    return "unknown"


def error_in_replies(replies: Sequence[object]) -> str | None:
    """The first error and how many there are, for a record; None without any."""
    errors = [reply for reply in replies if isinstance(reply, BaseException)]
    if not errors:
        return None
    first = f"{type(errors[0]).__name__}: {errors[0]}"
    return " ".join(f"{len(errors)} of {len(replies)} commands failed, the first: {first}".split())
