"""Latency budgets: from the intended start, with intervals, against the noise floor of the same machine and path."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
ENOUGH = 10_000
ENOUGH_FLOOR = 300
"""A 99th percentile of fewer samples has no upper bound at 95 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyWithinBudget:
    """Operations called `name` are answered within their budgets, from intended start to completion.

    Held if the *upper* end of the quantile's 95 % interval is within the budget; missed if the *lower* end is above it
    and the same quantile of the noise floor (`floor_name`: raw PINGs between the operations) is within; otherwise
    inconclusive. With `noise_allowance` the lower end must be above the budget by so many noise floors, too: noise
    slows an operation that computes more than it slows a PING.

    An operation that was not answered `ok`, or never sent, is infinitely late. Fewer than 10 000 operations are
    unknown. The worst of the given budgets decides; `inconclusive_by_noise` is among the figures only if every
    undecided one is so because of the floor, or because its interval straddles the budget.
    """

    name: str
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    floor_name: str = "PING"
    noise_allowance: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a check without a budget."""
        if not self._budgets or any(budget <= 0 for budget in self._budgets.values()):
            raise UsageError(
                f"budgets of {self.name}: {self._budgets}", remedy="give a positive p50_ms, p95_ms or p99_ms"
            )

    @property
    def claim(self) -> str:
        """`get_latency_within_budget`."""
        return f"{self.name.lower()}_latency_within_budget"

    @property
    def _budgets(self) -> dict[str, float]:
        budgets = {"p50": self.p50_ms, "p95": self.p95_ms, "p99": self.p99_ms}
        return {label: budget for label, budget in budgets.items() if budget is not None}

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        waits = latencies_ms(history, self.name)
        if len(waits) < ENOUGH:
            return Finding(
                claim=self.claim,
                verdict=Verdict.UNKNOWN,
                summary=f"{len(waits)} {self.name} operations: {ENOUGH} are needed for a quantile",
                figures={"n": len(waits)},
            )
        from pytest_arbredis.checkers.quantiles import intervals, nearest_rank

        floor = latencies_ms(history, self.floor_name)
        figures: dict[str, Json] = {"n": len(waits), "floor_n": len(floor)}
        found: list[tuple[Verdict, str, bool]] = []
        measured = zip(QUANTILES, intervals(waits, [*QUANTILES.values()], seed=history.header.seed), strict=True)
        for label, interval in measured:
            floor_ms = nearest_rank(floor, QUANTILES[label]) if len(floor) >= ENOUGH_FLOOR else None
            figures |= {
                f"{label}_ms": _finite(interval.value),
                f"{label}_interval_ms": [_finite(interval.low), _finite(interval.high)],
                f"floor_{label}_ms": None if floor_ms is None else _finite(floor_ms),
            }
            if (budget := self._budgets.get(label)) is None:
                continue
            figures[f"{label}_budget_ms"] = budget
            verdict, why, noise = judge(interval.low, interval.high, budget, floor_ms, allowance=self.noise_allowance)
            ends = f"{interval.low:.3f} to {interval.high:.3f}"
            text = f"{label.upper()} {interval.value:.3f} ms ({ends}), budget {budget:g} ms"
            found.append((verdict, text + why, noise))
        verdict = max(verdict for verdict, _, _ in found)
        undecided = [noise for verdict, _, noise in found if verdict is Verdict.UNKNOWN]
        if verdict is Verdict.UNKNOWN and all(undecided):
            figures["inconclusive_by_noise"] = True
        deciding = next(text for each, text, _ in found if each is verdict)
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=f"{self.name} {deciding}",
            figures=figures,
            lines=tuple(f"{self.name} {text}: {each.word}" for each, text, _ in found),
        )


def judge(
    low: float, high: float, budget: float, floor: float | None, *, allowance: float = 0.0
) -> tuple[Verdict, str, bool]:
    """The verdict on one quantile, why, and whether it is undecided because of noise."""
    if high <= budget:
        return Verdict.VALID, "", False
    if low <= budget:
        return Verdict.UNKNOWN, ": inconclusive, the interval straddles the budget", True
    if floor is None:
        return Verdict.UNKNOWN, f": inconclusive, fewer than {ENOUGH_FLOOR} operations measured the noise floor", False
    if floor > budget:
        return Verdict.UNKNOWN, f": inconclusive because of the noise floor ({floor:.3f} ms)", True
    if low <= budget + allowance * floor:
        why = f": inconclusive, above the budget by less than {allowance:g} noise floors ({floor:.3f} ms each)"
        return Verdict.UNKNOWN, why, True
    return Verdict.INVALID, f" (noise floor {floor:.3f} ms)", False


def latencies_ms(history: History, name: str) -> list[float]:
    """Milliseconds from intended start to completion, in the order of intention; infinite where there was no answer."""
    ops = [(op.invoked_ns if op.intended_ns is None else op.intended_ns, op) for op in history.named(name)]
    ops.sort(key=lambda pair: pair[0])
    return [
        (op.completed_ns - start) / NS_PER_MS if op.outcome == "ok" and op.completed_ns is not None else inf
        for start, op in ops
    ]


def latency(
    name: str,
    *,
    p50_ms: float | None = None,
    p95_ms: float | None = None,
    p99_ms: float | None = None,
    floor_name: str = "PING",
    noise_allowance: float = 0.0,
) -> LatencyWithinBudget:
    """Operations called `name` are answered within their budgets, from intended start to completion."""
    return LatencyWithinBudget(
        name=name,
        p50_ms=p50_ms,
        p95_ms=p95_ms,
        p99_ms=p99_ms,
        floor_name=floor_name,
        noise_allowance=noise_allowance,
    )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
