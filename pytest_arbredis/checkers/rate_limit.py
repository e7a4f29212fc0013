"""A rate limit: never more requests pass than it allows in any window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.effects import by_key
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.checkers.violations import MOST, malformed, shown
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

NS_PER_US = 1000
_Passed = tuple[int, int, "Op"]
"""From when to when it may have been counted, and the operation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeverMoreThan:
    """In no window of `window_ms` do more than `limit` requests of a key pass.

    A request is an operation `take`; it passed if it answered true, or an object whose `allowed` is true. With `at_us`
    in that object, the server's microseconds at which it was counted, it is judged by them: servers that succeed one
    another are taken to have the same clock. Without, by its interval: accused are only requests that began and ended
    within one window. What has no reply has not passed.

    Unknown if none was refused: the limit was never reached. The proof is the requests of the shortest such window, ten
    of them at most.
    """

    limit: int
    window_ms: float
    names: tuple[str, ...] = ("take",)

    def __post_init__(self) -> None:
        if type(self.limit) is not int or self.limit < 1:
            raise UsageError(f"limit={self.limit!r}", remedy="give a whole number of requests, 1 or more")
        if not self.window_ms > 0:
            raise UsageError(f"window_ms={self.window_ms!r}", remedy="give milliseconds above 0")

    @property
    def claim(self) -> str:
        """`never_more_than`."""
        return "never_more_than"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an answer that does not say whether it may pass."""
        asked = refused = passed = 0
        most = 0
        worst: list[_Passed] = []
        over = 0
        for ops in by_key(history, self.names).values():
            told = [op for op in ops if op.outcome == "ok"]
            allowed = [op for op in told if _allowed(op)]
            asked += len(told)
            passed += len(allowed)
            refused += len(told) - len(allowed)
            for spans in (_exact(allowed), _by_interval(allowed)):
                for many in _windows(spans, round(self.window_ms * NS_PER_MS)):
                    most = max(most, len(many))
                    if len(many) > self.limit:
                        over += 1
                        worst = _shorter(worst, many[-self.limit - 1 :])
        figures = {"asked": asked, "passed": passed, "refused": refused, "most_in_a_window": most, "windows_over": over}
        if worst:
            key = shown(worst[0][2].key)
            summary = f"up to {most} requests of {key} passed within {self.window_ms:g} ms, {self.limit} are allowed"
            proof = tuple(op.id for _, _, op in worst[:MOST])
            return Finding(claim=self.claim, verdict=Verdict.INVALID, summary=summary, proof=proof, figures=figures)
        if not refused:
            summary = f"none of {asked} requests was refused: the limit was never reached"
            return Finding(claim=self.claim, verdict=Verdict.UNKNOWN, summary=summary, figures=figures)
        summary = (
            f"at most {most} of {passed} requests passed within {self.window_ms:g} ms, {self.limit} are allowed; "
            f"{refused} were refused"
        )
        return Finding(claim=self.claim, verdict=Verdict.VALID, summary=summary, figures=figures)


def never_more_than(*, limit: int, window_ms: float, names: Iterable[str] = ("take",)) -> NeverMoreThan:
    """In no window of `window_ms` do more than `limit` requests of a key pass."""
    return NeverMoreThan(limit=limit, window_ms=window_ms, names=tuple(names))


def _allowed(op: Op) -> bool:
    said = op.output.get("allowed") if isinstance(op.output, dict) else op.output
    if not isinstance(said, bool):
        raise malformed(op, f"{shown(op.output)} does not say whether it passed", remedy="answer true or false")
    return said


def _at_us(op: Op) -> int | None:
    at = op.output.get("at_us") if isinstance(op.output, dict) else None
    return at if type(at) is int else None


def _exact(allowed: Iterable[Op]) -> list[_Passed]:
    timed = ((_at_us(op), op) for op in allowed)
    return [(at * NS_PER_US, at * NS_PER_US, op) for at, op in timed if at is not None]


def _by_interval(allowed: Iterable[Op]) -> list[_Passed]:
    return [
        (op.invoked_ns, op.completed_ns, op) for op in allowed if _at_us(op) is None and op.completed_ns is not None
    ]


def _windows(spans: list[_Passed], window_ns: int) -> Iterable[list[_Passed]]:
    """For each request, those that certainly were counted in the window that it ends, itself last."""
    by_end = sorted(spans, key=lambda span: (span[1], span[2].id))
    begin = 0
    for place, (_, end_ns, _) in enumerate(by_end):
        while by_end[begin][1] <= end_ns - window_ns:
            begin += 1
        yield [span for span in by_end[begin : place + 1] if span[0] > end_ns - window_ns]


def _shorter(first: list[_Passed], second: list[_Passed]) -> list[_Passed]:
    def length(spans: Sequence[_Passed]) -> int:
        return spans[-1][1] - min(span[0] for span in spans)

    return second if not first or length(second) < length(first) else first
