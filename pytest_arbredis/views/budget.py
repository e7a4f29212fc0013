"""Latency budgets of one test: of its recorded operations, or of a callable of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.views.measuring import Measuring, in_a_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.views.recording import OperationRecorder
    from pytest_arbredis.views.topology import TopologyView

CALLED = "call"
"""Name of the operations of a callable that has none."""
CALLS = 10_000
WARM_UP = 200
ALLOWANCE = 2.0
"""Broken is a budget only by more than so many noise floors: noise slows a client more than it slows a raw PING."""


class LatencyBudget:
    """The fixture `latency_budget`: `latency_budget(lambda: client.get("k"), p99_ms=0.5)`."""

    def __init__(self, view: TopologyView, recorder: OperationRecorder) -> None:
        self._view = view
        self._recorder = recorder

    @overload
    def __call__(  # type: ignore[overload-overlap]  # what is awaitable comes first
        self,
        call: Callable[[], Awaitable[object]],
        *,
        p50_ms: float | None = None,
        p95_ms: float | None = None,
        p99_ms: float | None = None,
        calls: int = CALLS,
        past_proxy: bool = False,
    ) -> Finding | Measuring: ...

    @overload
    def __call__(
        self,
        call: Callable[[], object],
        *,
        p50_ms: float | None = None,
        p95_ms: float | None = None,
        p99_ms: float | None = None,
        calls: int = CALLS,
        past_proxy: bool = False,
    ) -> Finding: ...

    def __call__(
        self,
        call: Callable[[], Any],
        *,
        p50_ms: float | None = None,
        p95_ms: float | None = None,
        p99_ms: float | None = None,
        calls: int = CALLS,
        past_proxy: bool = False,
    ) -> Finding | Measuring:
        """Call it 10 000 times, one after the other, and judge. Broken fails the test, inconclusive skips it.

        Between the calls a raw PING measures the noise floor, on the way to the primary that the code takes: through
        the proxy, or past it as from `redis_direct_url`. What the call raises ends the measurement.

        A coroutine function, or whatever gives what must be awaited, is measured on an event loop of its own; within a
        running loop in that one, by `await latency_budget(…)`: a test that awaits nothing there fails.
        """
        import asyncio
        import inspect

        if not callable(call):
            raise UsageError(f"latency_budget({call!r})", remedy="give a function without arguments")
        name = getattr(call, "__name__", CALLED)
        name = CALLED if name == "<lambda>" else name
        check = check_of(name, {"p50_ms": p50_ms, "p95_ms": p95_ms, "p99_ms": p99_ms})
        primary = self._view.primary
        self._recorder.measure_floor_at(primary.direct if past_proxy else primary.proxied)

        def judged() -> Finding:
            finding = check(self._recorder.history)
            tell(finding)
            return finding

        warm_up = min(WARM_UP, calls)
        first = call()
        if inspect.isawaitable(first):
            measuring = Measuring(
                call, first, name=name, warm_up=warm_up, calls=calls, recorder=self._recorder, judge=judged
            )
            if not in_a_loop():
                return asyncio.run(measuring.measured())
            self._view.owe(measuring.complaint)
            return measuring
        for _ in range(warm_up - 1):
            call()
        for _ in range(calls):
            with self._recorder.operation(name):
                call()
        return judged()


def check_of(name: str, budgets: Mapping[str, Any]) -> Callable[[Any], Finding]:
    """The check of one name's budgets; a usage error for wrong ones."""
    from pytest_arbredis.checkers.latency import latency
    from pytest_arbredis.views.recording import FLOOR

    for which, value in budgets.items():
        if which not in {"p50_ms", "p95_ms", "p99_ms"}:
            raise UsageError.unknown("argument of a latency budget", which, ("p50_ms", "p95_ms", "p99_ms"))
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0):
            raise UsageError(f"a latency budget {which}={value!r}", remedy="give milliseconds above 0")
    if not isinstance(name, str) or not name:
        raise UsageError(
            f"a latency budget of {name!r}", remedy='name the operation: latency_budget("GET", p99_ms=0.5)'
        )
    return latency(name, **budgets, floor_name=FLOOR, noise_allowance=ALLOWANCE)


def demanded(item: pytest.Item) -> list[tuple[str, Callable[[Any], Finding]]]:
    """Name and check of every marker `latency_budget` of a test."""
    found = []
    for marker in item.iter_markers("latency_budget"):
        if len(marker.args) != 1:
            raise UsageError(
                f"the marker latency_budget{marker.args!r} needs the name of an operation",
                remedy='write latency_budget("GET", p99_ms=0.5)',
            )
        name = str(marker.args[0]).upper()
        found.append((name, check_of(name, marker.kwargs)))
    return found


def records(request: pytest.FixtureRequest, view: TopologyView) -> bool:
    """Whether a client of this test records; where a marker has a budget for it, the noise floor is measured, too."""
    from pytest_arbredis.views.telling import told

    with told():
        budgeted = bool(demanded(request.node))
    if budgeted:
        view.operations.measure_floor_at(view.primary.proxied)
    return budgeted or "redis_recorder" in request.fixturenames


def judge(item: pytest.Item, view: TopologyView | None) -> None:
    """Judge the marker's budgets on what the test recorded: the broken ones before the inconclusive ones."""
    from pytest_arbredis.checkers.verdict import Verdict
    from pytest_arbredis.views.recording import FLOOR

    demands = demanded(item)
    if not demands:
        return
    history = None if view is None else view.history()
    findings = []
    for name, check in demands:
        if history is None or not history.named(name):
            known = sorted({op.name for op in history.ops} - {FLOOR}) if history is not None else []
            pytest.fail(
                f"no operation {name} was recorded in this test, so its latency budget says nothing\n"
                f"  remedy: use redis_client or redis_async_client for it (recorded: {', '.join(known) or 'nothing'})",
                pytrace=False,
            )
        findings.append(check(history))
    for finding in sorted(findings, key=lambda finding: -finding.verdict):
        if finding.verdict is not Verdict.VALID:
            tell(finding)


def tell(finding: Finding) -> None:
    """Fail with a broken budget, skip with an inconclusive one, both with their figures."""
    from pytest_arbredis.checkers.verdict import Verdict
    from pytest_arbredis.views.telling import fail_invalid

    if finding.verdict is Verdict.INVALID:
        fail_invalid(text_of(finding))
    if finding.verdict is Verdict.UNKNOWN:
        pytest.skip(f"INCONCLUSIVE {text_of(finding)}")


def text_of(finding: Finding) -> str:
    """A finding in one line, and one for each quantile where there are several."""
    more = finding.lines if len(finding.lines) > 1 else ()
    return "\n".join((f"{finding.claim}: {finding.summary}", *more))
