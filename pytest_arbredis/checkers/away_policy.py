"""Limits while Redis is away: whoever asks is told what becomes of the request, and that Redis did not count it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

POLICY = "policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsenceIsTold:
    """No request ends with an error: the limit answers, and says so where Redis did not decide.

    Requests are operations called one of `closed` or `open`. What answers an object whose `by` is "policy" was not
    decided by Redis: of `closed` it must not pass (`allowed`), of `open` it must. Any other answer is Redis's.

    Unknown if nothing was decided by policy, or nothing by Redis, of `closed` or of `open`. The proof is the first
    request that was answered with an error, or as it must not be.
    """

    closed: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.closed and not self.open:
            raise UsageError("absence_is_told() of no requests", remedy="name them: closed=('take',)")
        if both := set(self.closed) & set(self.open):
            raise UsageError(f"{sorted(both)} are both closed and open", remedy="say which")

    @property
    def claim(self) -> str:
        """`absence_is_told`."""
        return "absence_is_told"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        ended = [op for op in history.named(*self.closed, *self.open) if op.sent and op.completed_ns is not None]
        wrong = [(op, why) for op in ended if (why := self._wrong(op))]
        by_policy = [op for op in ended if _by_policy(op)]
        figures = {
            "asked": len(ended),
            "by_policy": len(by_policy),
            "errors": sum(op.outcome != "ok" for op in ended),
            "wrong": len(wrong),
        }
        if wrong:
            op, why = min(wrong, key=lambda one: (one[0].invoked_ns, one[0].id))
            summary = f"{len(wrong)} of {len(ended)} requests were not told what the limit does: {op.name} {why}"
            return Finding(claim=self.claim, verdict=Verdict.INVALID, summary=summary, proof=(op.id,), figures=figures)
        if missing := next(self._missing(ended), ""):
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=missing, figures=figures)
        summary = (
            f"each of {len(ended)} requests was answered, {len(by_policy)} of them by policy: "
            f"{sum(op.name in self.open for op in by_policy)} passed"
        )
        return Finding(claim=self.claim, verdict=Verdict.VALID, summary=summary, figures=figures)

    def _wrong(self, op: Op) -> str:
        if op.outcome != "ok":
            return f"ended with {shown(op.error)}"
        if not _by_policy(op):
            return ""
        allowed = op.output.get("allowed") if isinstance(op.output, dict) else None
        if allowed is (op.name in self.open):
            return ""
        return f"was decided by policy, with {shown(op.output)}"

    def _missing(self, ended: list[Op]) -> Iterator[str]:
        for names in filter(None, (self.closed, self.open)):
            mine = [op for op in ended if op.name in names]
            some = sum(map(_by_policy, mine))
            if not some:
                yield f"none of {len(mine)} {' or '.join(names)} requests was decided by policy"
            elif some == len(mine):
                yield f"none of {len(mine)} {' or '.join(names)} requests was decided by Redis"


def absence_is_told(*, closed: Iterable[str] = (), open: Iterable[str] = ()) -> AbsenceIsTold:
    """No request of a limit ends with an error: the limit answers, and says so where Redis did not decide."""
    return AbsenceIsTold(closed=tuple(closed), open=tuple(open))


def _by_policy(op: Op) -> bool:
    return op.outcome == "ok" and isinstance(op.output, dict) and op.output.get("by") == POLICY
