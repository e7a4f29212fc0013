"""Latency budgets: from the intended start, with intervals, against the noise floor of the same machine and path.

`docs/latency.md` gives the reasons. Three things that noise does, and what is done about each:

- It makes samples slow: where the load watched for stalls of the machine, only the rounds without any are judged
  (`quiet.py`), provided that at least half are such and have 10 000 operations; else all are. Both are told.
- It makes samples slow together: intervals come from whole blocks (`quantiles.py`).
- It is an excuse: behind a slow operation the PINGs of the floor wait, too, and from their intended start they look
  like noise. So an operation's *own* time, from its sending to its reply, is held against a PING's own time as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.quiet import WAKE, Rounds, figures_of, lines_of, rounds, wakefulness
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.checkers.quantiles import Interval
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
ENOUGH = 10_000
ENOUGH_FLOOR = 300
"""A 99th percentile of fewer samples has no upper bound at 95 %."""
ENOUGH_OWN_FLOOR = 1000
"""PINGs of which the 99.5th percentile is not a single sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyWithinBudget:
    """Operations called `name` are answered within their budgets, from intended start to completion.

    Held if the *upper* end of the quantile's 95 % interval is within the budget; missed if the *lower* end is above it
    and the same quantile of the noise floor (`floor_name`: raw PINGs between the operations) is within; otherwise
    inconclusive. With `noise_allowance` the lower end must be above the budget by so many noise floors, too: noise
    slows an operation that computes more than it slows a PING.

    Missed is it, too, whatever the floor from the intended start, if the operation's own time is beyond the budget in
    this way, and of the PINGs' own times not half as many as would be too many are.

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
        everything = timings(history, self.name)
        if len(everything) < ENOUGH:
            return Finding(
                claim=self.claim,
                verdict=Verdict.UNKNOWN,
                summary=f"{len(everything)} {self.name} operations: {ENOUGH} are needed for a quantile",
                figures={"n": len(everything)},
            )
        from pytest_arbredis.checkers.quantiles import intervals, nearest_rank

        seen = rounds(history, everything[0].start_ns, everything[-1].start_ns)
        judged, floors, among = self._chosen(everything, timings(history, self.floor_name), seen)
        figures: dict[str, Json] = {"n": len(judged), "floor_n": len(floors), **figures_of(seen, len(everything))}
        found: list[tuple[Verdict, str, bool]] = []
        floor = [timing.wait_ms for timing in floors]
        wanted, seed = [*QUANTILES.values()], history.header.seed
        waits = intervals([timing.wait_ms for timing in judged], wanted, seed=seed)
        owns = intervals([timing.own_ms for timing in judged], wanted, seed=seed)
        for label, interval, own in zip(QUANTILES, waits, owns, strict=True):
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
            if verdict is Verdict.UNKNOWN and (slow := self._slow_itself(label, own, budget, floors)):
                verdict, why, noise = Verdict.INVALID, slow, False
            ends = f"{interval.low:.3f} to {interval.high:.3f}"
            text = f"{label.upper()} {interval.value:.3f} ms ({ends}), budget {budget:g} ms"
            found.append((verdict, text + why, noise))
        if seen is not None and among and len(judged) < len(everything):
            over_all = intervals([timing.wait_ms for timing in everything], wanted, seed=seed)
            figures |= {
                f"{label}_all_rounds_ms": _finite(one.value) for label, one in zip(QUANTILES, over_all, strict=True)
            }
        lines = [*lines_of(seen, figures, judged_all=len(judged) == len(everything))]
        if (awake := wakefulness(history)) is not None:
            figures["cores_kept_awake"] = awake[0]
            lines.append(f"cores kept awake: {awake[0]}" + (f" ({awake[1]})" if awake[1] else ""))
        verdict = max(verdict for verdict, _, _ in found)
        undecided = [noise for verdict, _, noise in found if verdict is Verdict.UNKNOWN]
        if verdict is Verdict.UNKNOWN and all(undecided):
            figures["inconclusive_by_noise"] = True
        deciding = next(text for each, text, _ in found if each is verdict)
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=f"{self.name} {deciding}{among}",
            figures=figures,
            lines=(*(f"{self.name} {text}: {each.word}" for each, text, _ in found), *lines),
        )

    def _chosen(
        self, everything: list[Timing], floors: list[Timing], seen: Rounds | None
    ) -> tuple[list[Timing], list[Timing], str]:
        """Which operations and PINGs are judged, and how a summary says so: those of quiet rounds, or all."""
        if seen is None or not seen.noisy:
            return everything, floors, ""
        quiet = [timing for timing in everything if seen.is_quiet(timing.start_ns)]
        if not seen.mostly_quiet or len(quiet) < ENOUGH:
            return everything, floors, f"; only {seen.quiet} of {seen.measured} rounds were quiet, all are judged"
        most_ms = max(self._budgets.values())
        noisy = (timing for timing in everything if not seen.is_quiet(timing.start_ns))
        if sum(max(0.0, timing.own_ms - most_ms) for timing in noisy) > WAKE * seen.stalled_ns / NS_PER_MS:
            return everything, floors, "; long by itself in rounds with stalls, so all rounds are judged"
        among = f"; {seen.quiet} quiet of {seen.measured} rounds are judged"
        return quiet, [timing for timing in floors if seen.is_quiet(timing.start_ns)], among

    def _slow_itself(self, label: str, own: Interval, budget: float, floors: Sequence[Timing]) -> str:
        """Why the operation itself is too slow, whatever waited before it; empty if that cannot be said."""
        from pytest_arbredis.checkers.quantiles import nearest_rank

        quantile = QUANTILES[label]
        if len(floors) < ENOUGH_OWN_FLOOR:
            return ""
        pings = [timing.own_ms for timing in floors]
        floor = nearest_rank(pings, quantile)
        if nearest_rank(pings, (1 + quantile) / 2) > budget or own.low <= budget + self.noise_allowance * floor:
            return ""
        return f" (from its sending {own.value:.3f} ms, {own.low:.3f} to {own.high:.3f}; noise floor {floor:.3f} ms)"


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


@dataclass(frozen=True, slots=True)
class Timing:
    """One operation: when it was intended, and how long it took from then (`wait`) and from its sending (`own`).

    Without an answer it is infinitely late. Its own time is infinite only if it was sent.
    """

    start_ns: int
    wait_ms: float
    own_ms: float


def timings(history: History, name: str) -> list[Timing]:
    """All operations of a name, in the order of intention."""
    found = []
    for op in history.named(name):
        start_ns = op.invoked_ns if op.intended_ns is None else op.intended_ns
        if op.outcome == "ok" and op.completed_ns is not None:
            wait_ms, own_ms = ((op.completed_ns - since) / NS_PER_MS for since in (start_ns, op.invoked_ns))
        else:
            wait_ms, own_ms = inf, inf if op.sent else 0.0
        found.append(Timing(start_ns, wait_ms, own_ms))
    found.sort(key=lambda timing: timing.start_ns)
    return found


def latencies_ms(history: History, name: str) -> list[float]:
    """Milliseconds from intended start to completion, in the order of intention; infinite where there was no answer."""
    return [timing.wait_ms for timing in timings(history, name)]


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
