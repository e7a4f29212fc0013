"""Windows of full service: stretches in which the load was served at the rate that was intended."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Literal

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

Counting = Literal["applied", "confirmed"]

PLAN_MAY_STRAY = 0.2
"""A random mix of operations plans a little less of one kind in some windows; by no more than this is it believed."""


def require_rate(rate_hz: float, window_ms: float, share: float) -> None:
    """Refuse a rate too low for the window: with `share` 0.99 one failure in less than 100 is already too much."""
    least = round(1 / (1 - share)) if share < 1 else 100
    per_window = rate_hz * window_ms / 1000
    if per_window < least:
        raise UsageError(
            f"{rate_hz:g} operations/s give {per_window:.0f} in a window of {window_ms:g} ms; a share of {share:g} "
            f"needs {least}",
            remedy=f"raise the rate to {least * 1000 / window_ms:.0f} operations/s, or widen the window",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """Planned operations and completions of some names, ready to be asked for windows of full service."""

    rate_hz: float
    until_ns: int
    window_ns: int
    share: float
    planned_ns: list[int]
    completed_ns: list[int]
    served: list[int]
    """How many of the first n completions count as served, for n = 0, 1, …"""

    @classmethod
    def of(
        cls, history: History, *, names: tuple[str, ...], counting: Counting, window_ms: float, share: float
    ) -> Service | None:
        """The service of a history; None if its header does not say the rate and the time of the load."""
        meta = history.header.meta
        rate_hz, until_ns = meta.get("rate_hz"), meta.get("load_until_ns")
        load = [op for op in history.ops if not op.is_final and op.intended_ns is not None]
        planned = sorted(op.intended_ns for op in load if op.name in names and op.intended_ns is not None)
        if not isinstance(rate_hz, int | float) or not isinstance(until_ns, int) or not planned:
            return None
        done = sorted(
            (op.completed_ns, _counts(op, counting))
            for op in history.named(*names)
            if op.sent and op.completed_ns is not None
        )
        return cls(
            rate_hz=rate_hz * len(planned) / len(load),
            until_ns=until_ns,
            window_ns=int(window_ms * NS_PER_MS),
            share=share,
            planned_ns=planned,
            completed_ns=[ns for ns, _ in done],
            served=list(accumulate((counted for _, counted in done), initial=0)),
        )

    def first_window(self, from_ns: int, until_ns: int) -> int | None:
        """Start of the first full window within, anchored at a served completion; None if there is none."""
        index = bisect_left(self.completed_ns, from_ns)
        while index < len(self.completed_ns):
            start = self.completed_ns[index]
            if start + self.window_ns > until_ns:
                return None
            if self.served[index + 1] > self.served[index] and self._is_full(index, start):
                return start
            index += 1
        return None

    def _is_full(self, first: int, start: int) -> bool:
        end = start + self.window_ns
        behind = bisect_left(self.completed_ns, end)
        served = self.served[behind] - self.served[first]
        rate = self.rate_hz * self.window_ns / NS_PER_S
        planned = bisect_left(self.planned_ns, end) - bisect_left(self.planned_ns, start)
        intended = min(rate, max(planned, rate * (1 - PLAN_MAY_STRAY)))
        return served >= self.share * intended and served >= self.share * (behind - first)


def _counts(op: Op, counting: Counting) -> int:
    if counting == "applied":
        return int(op.applied)
    return int(op.outcome == "ok" and bool(op.confirmed))
