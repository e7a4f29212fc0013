"""What a circuit breaker costs a call, while it is closed and while it is open: microseconds, beside those of others.

All guard the same function, which does nothing, by one thread, in turns within one run: the ratios hold on a busy
machine too. Of ours the ways to call it are timed, and what a watched rate adds. The bare call is subtracted.
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
import sys
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from goals import status
from machine import commit, described, today

from pytest_arbredis.state.breaker.breaker import Breaker
from pytest_arbredis.state.breaker.guarding import guarded
from pytest_arbredis.state.breaker.policy import BreakerPolicy
from pytest_arbredis.state.errors import CircuitOpenError

if TYPE_CHECKING:
    from collections.abc import Callable

RESULTS = Path(__file__).parent / "results" / "breaker.json"
GOAL_US = 1.0
ROUNDS = 15
OURS = "ours"
REJECTED = "ours, rejected while open"
RATES = BreakerPolicy(failure_rate=0.5, slow_rate=0.5)


def nothing() -> None:
    """What is guarded."""


def by_hand(policy: BreakerPolicy | None = None) -> Callable[[], object]:
    """`enter`, the call, and its word."""
    breaker = Breaker(policy)

    def call() -> None:
        permit = breaker.enter()
        nothing()
        permit.succeeded()

    return call


def by_block() -> Callable[[], object]:
    """As a context manager."""
    breaker = Breaker()

    def call() -> None:
        with breaker.enter():
            nothing()

    return call


def while_open() -> Callable[[], object]:
    """A rejection, its exception included."""
    breaker = Breaker(BreakerPolicy(open_s=3600))
    breaker.force_open()

    def call() -> None:
        try:
            breaker.enter()
        except CircuitOpenError:
            return

    return call


def by_pybreaker() -> Callable[[], object]:
    """Pybreaker's `call`."""
    import pybreaker

    breaker = pybreaker.CircuitBreaker()
    return lambda: breaker.call(nothing)


def by_purgatory() -> Callable[[], object]:
    """Purgatory's breaker as a context manager, fetched once: its cheapest way."""
    import purgatory

    breaker = purgatory.SyncCircuitBreakerFactory().get_breaker("redis")

    def call() -> None:
        with breaker:
            nothing()

    return call


def by_circuitbreaker() -> Callable[[], object]:
    """Circuitbreaker's decorator."""
    import circuitbreaker

    decorated: Callable[[], object] = circuitbreaker.circuit(name="redis")(nothing)
    return decorated


WAYS: dict[str, Callable[[], Callable[[], object]]] = {
    "bare call": lambda: lambda: nothing(),  # noqa: PLW0108 - as deep as the guarded ones
    OURS: by_hand,
    "ours, with block": by_block,
    "ours, decorator": lambda: guarded(Breaker())(nothing),
    "ours, rates and slow calls watched": lambda: by_hand(RATES),
    REJECTED: while_open,
    "pybreaker": by_pybreaker,
    "purgatory": by_purgatory,
    "circuitbreaker": by_circuitbreaker,
}


def cost_us(call: Callable[[], object], calls: int) -> float:
    """Microseconds a call, over so many."""
    began = time.perf_counter_ns()
    for _ in range(calls):
        call()
    return (time.perf_counter_ns() - began) / calls / 1000


def main() -> int:
    """Measure, print, write. 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description="What a circuit breaker costs a call.")
    parser.add_argument("--quick", action="store_true", help="few calls: does it run?")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    asked = parser.parse_args()
    calls, about = 1_000 if asked.quick else 100_000, described()
    ways, versions = {}, {}
    for name, make in WAYS.items():
        try:
            ways[name] = make()
            versions[name] = version("pytest-arbredis" if name.startswith((OURS, "bare")) else name)
        except (ImportError, PackageNotFoundError):
            print(f"{name} is not installed: not measured (pip install 'pytest-arbredis[breakers]')")
    gc.freeze()
    rounds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(2 if asked.quick else ROUNDS):
        for name, call in ways.items():  # in turn, so that a busy second is everybody's
            rounds[name].append(cost_us(call, calls))
    bare = statistics.median(rounds["bare call"])
    ours = statistics.median(rounds[OURS]) - bare
    print(f"commit {commit()}, {today()}; {about}")
    rows = {}
    for name, took in rounds.items():
        added = statistics.median(took) - bare
        rows[name] = {
            "version": versions[name],
            "added_us": round(added, 3),
            "best_us": round(min(took), 3),
            "ratio_to_ours": round(added / ours, 2),
            "rounds_us": [round(one, 3) for one in took],
        }
        print(f"{name:36} adds {added:6.3f} µs (median), {added / ours:5.1f} times ours")
    judged = {name: statistics.median(rounds[name]) - bare for name in (OURS, REJECTED)}
    verdict = "pass" if max(judged.values()) <= GOAL_US else "missed"
    print(f"goal {GOAL_US} µs a call, let in or rejected: {verdict}")
    content = {
        "benchmark": "breaker",
        "commit": commit(),
        "date": today(),
        "machine": about,
        "calls_a_round": calls,
        "ways": rows,
        "goal_us": GOAL_US,
        "judged_us": {name: round(added, 3) for name, added in judged.items()},
        "verdict": verdict,
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return status([verdict])


if __name__ == "__main__":
    sys.exit(main())
