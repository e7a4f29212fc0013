"""What a breaker calls rejected was not sent: a caller who believes it sends it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.breaker_record import REJECTED_BY, rejection
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedCallsWereNotSent:
    """No call ends with a breaker's rejection although it was sent.

    A rejection is an error that begins with one of `rejected_by` (the names of well-known breakers' classes). It was
    sent if `attempts` says so, or, where attempts are not counted, if its outcome is not `fail`. Unknown if no call was
    rejected.
    """

    rejected_by: tuple[str, ...] = REJECTED_BY

    @property
    def claim(self) -> str:
        """`rejected_calls_were_not_sent`."""
        return "rejected_calls_were_not_sent"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        pattern = rejection(self.rejected_by)
        rejected = [op for op in history.ops if pattern.match(op.error or "")]
        sent = [op for op in rejected if (op.outcome != "fail" if op.attempts is None else op.attempts > 0)]
        figures: dict[str, Json] = {"rejected": len(rejected), "sent": len(sent)}
        if sent:
            return Finding(
                claim=self.claim,
                verdict=Verdict.INVALID,
                summary=f"{len(sent)} of {len(rejected)} rejected calls had been sent: "
                f"operation {sent[0].id} ({sent[0].outcome})",
                proof=(sent[0].id,),
                figures=figures,
            )
        if not rejected:
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary="no call was rejected", figures=figures)
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID,
            summary=f"none of {len(rejected)} rejected calls had been sent",
            figures=figures,
        )


def rejected_calls_were_not_sent(*, rejected_by: Sequence[str] = REJECTED_BY) -> RejectedCallsWereNotSent:
    """No call ends with a breaker's rejection although it was sent."""
    return RejectedCallsWereNotSent(rejected_by=tuple(rejected_by))
