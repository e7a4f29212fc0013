"""What an error that ends a call says of Redis: that it is unwell, that it is well, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from pytest_arbredis.state.errors import (
    ConflictError,
    CorruptedError,
    NotConfirmedError,
    RejectedError,
    UnavailableError,
    WriteRefusedError,
)


class Outcome(Enum):
    """What a call means to a breaker."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IGNORED = "ignored"


OutcomeOf = Callable[[BaseException], Outcome]
"""The judge of errors that leave a guarded block."""

_UNWELL = (UnavailableError, OSError)
_ANSWERED = (WriteRefusedError, RejectedError, CorruptedError, ConflictError, NotConfirmedError)


def outcome_of(error: BaseException) -> Outcome:
    """Well: whatever needs an answer. Unwell: the layer's other `UnavailableError`, and `OSError`, as time-outs are.

    Anything else (cancellation, a bad key, a bug) says nothing of Redis. Of a group one that is unwell is enough.
    """
    if isinstance(error, BaseExceptionGroup):
        found = {outcome_of(one) for one in error.exceptions}
        return next(one for one in (Outcome.FAILED, Outcome.SUCCEEDED, Outcome.IGNORED) if one in found)
    if isinstance(error, _ANSWERED):
        return Outcome.SUCCEEDED
    return Outcome.FAILED if isinstance(error, _UNWELL) else Outcome.IGNORED
