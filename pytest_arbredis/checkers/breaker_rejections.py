"""Rejections by a circuit breaker, judged like a budget: a caller that is turned away is told so at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.breaker_record import FLOOR, REJECTED_BY, is_rejected, rejection
from pytest_arbredis.checkers.latency import ENOUGH_FLOOR, judge, latencies_ms
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History

ENOUGH = 300
"""The 99th percentile of fewer than 299 has no upper bound at 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectionsWithinBudget:
    """99 of 100 calls that a breaker rejects are told so within `p99_ms`, from their invocation.

    Judged as every latency budget is (`checks.latency`): held if the upper end of the 95 % interval is within, missed
    if the lower end is above and the noise floor (PINGs of the same run) within, else unknown. Unknown with fewer than
    300 rejections. A rejected call is one with the outcome `fail` and `meta.rejected`, or an error of `rejected_by`.
    """

    p99_ms: float
    names: tuple[str, ...] = ()
    rejected_by: tuple[str, ...] = REJECTED_BY

    def __post_init__(self) -> None:
        """Refuse a budget that nothing meets."""
        if self.p99_ms <= 0:
            raise UsageError(f"p99_ms={self.p99_ms!r}", remedy="use a positive budget, in milliseconds")

    @property
    def claim(self) -> str:
        """`rejections_within_budget`."""
        return "rejections_within_budget"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        rejects = rejection(self.rejected_by)
        rejected = [
            (op, (op.completed_ns - op.invoked_ns) / NS_PER_MS)
            for op in history.ops
            if (not self.names or op.name in self.names) and op.completed_ns is not None and is_rejected(op, rejects)
        ]
        if len(rejected) < ENOUGH:
            return Finding(
                claim=self.claim,
                verdict=Verdict.UNKNOWN,
                summary=f"{len(rejected)} rejected calls: {ENOUGH} are needed for a 99th percentile",
                figures={"rejected": len(rejected), "p99_budget_ms": self.p99_ms},
            )
        from pytest_arbredis.checkers.quantiles import intervals, nearest_rank

        waits = [wait_ms for _, wait_ms in rejected]
        floor = latencies_ms(history, FLOOR)
        floor_ms = nearest_rank(floor, 0.99) if len(floor) >= ENOUGH_FLOOR else None
        (interval,) = intervals(waits, [0.99], seed=history.header.seed)
        verdict, why, _ = judge(interval.low, interval.high, self.p99_ms, floor_ms)
        slowest = sorted((pair for pair in rejected if pair[1] > self.p99_ms), key=lambda pair: -pair[1])
        ends = f"{interval.low:.3f} to {interval.high:.3f}"
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=f"P99 of {len(rejected)} rejections {interval.value:.3f} ms ({ends}), budget {self.p99_ms:g} ms"
            + why,
            proof=tuple(op.id for op, _ in slowest[:10]) if verdict is Verdict.INVALID else (),
            figures={
                "rejected": len(rejected),
                "p99_ms": interval.value,
                "p99_interval_ms": [interval.low, interval.high],
                "p99_budget_ms": self.p99_ms,
                "floor_p99_ms": floor_ms,
                "over_budget": len(slowest),
            },
        )


def rejections_within_budget(
    *, p99_ms: float, names: Sequence[str] = (), rejected_by: Sequence[str] = REJECTED_BY
) -> RejectionsWithinBudget:
    """99 of 100 calls that a breaker rejects are told so within `p99_ms`."""
    return RejectionsWithinBudget(p99_ms=p99_ms, names=tuple(names), rejected_by=tuple(rejected_by))
