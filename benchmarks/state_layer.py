"""What the state layer adds to a GET, over bare redis-py: microseconds, sync and asyncio, deadline and breaker on.

All ways ask one real Redis on localhost for the same key, by one thread, in turns within one run: the differences hold
on a busy machine too. Beside them, round trips of a raw socket, which are the machine's own noise.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import redis
import redis.asyncio
from goals import MISSED, status
from machine import commit, described, today

from pytest_arbredis.load.floor import FloorSession
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.topology.deploy import deploy
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.spec import single

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.asks import Plan

RESULTS = Path(__file__).parent / "results" / "state_layer.json"
GOAL_US = 10.0
GOAL_P99_MS = 0.5
ROUNDS = 12
KEY = "bench"
WAYS = ("raw socket", "redis-py", "state layer", "redis.asyncio", "state layer, asyncio")
LAYERS = {"sync": "state layer", "asyncio": "state layer, asyncio"}


def get() -> Plan[bytes | None]:
    """One GET."""
    value: bytes | None = yield Command("GET", KEY)
    return value


def took_us(ask: Callable[[], object], calls: int) -> list[float]:
    """Microseconds of each of so many calls."""
    took = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        ask()
        took.append((time.perf_counter_ns() - began) / 1000)
    return took


class Timed:
    """All rounds of one way."""

    def __init__(self) -> None:
        self.medians: list[float] = []
        self.all: list[float] = []

    def add(self, took: list[float]) -> None:
        """One more round."""
        self.medians.append(statistics.median(took))
        self.all += took

    @property
    def median_us(self) -> float:
        """Of the rounds' medians."""
        return statistics.median(self.medians)

    def figures(self) -> dict[str, object]:
        """Microseconds: the median of the rounds' medians, each of these, and P99 over all calls."""
        return {
            "median_us": round(self.median_us, 2),
            "p99_us": round(statistics.quantiles(self.all, n=100)[98], 2),
            "rounds_us": [round(one, 2) for one in self.medians],
            "calls": len(self.all),
        }


async def took_async_us(ask: Callable[[], object], calls: int) -> list[float]:
    """The same, awaited."""
    took = []
    for _ in range(calls):
        began = time.perf_counter_ns()
        await ask()  # type: ignore[misc]
        took.append((time.perf_counter_ns() - began) / 1000)
    return took


async def measured(address: tuple[str, int], rounds: int, calls: int) -> dict[str, Timed]:
    """All ways, in turns."""
    host, port = address
    ways = {name: Timed() for name in WAYS}
    settings = Settings(address=address)
    bare, bare_async = redis.Redis(host, port), redis.asyncio.Redis(host=host, port=port)
    floor = FloorSession(address)
    with StateRedis(settings) as state:
        async with AsyncStateRedis(settings) as state_async:
            bare.set(KEY, "v")
            for number in range(rounds + 1):
                took = {
                    "raw socket": took_us(floor.ping, calls),
                    "redis-py": took_us(lambda: bare.get(KEY), calls),
                    "state layer": took_us(lambda: state.run(get()), calls),
                    "redis.asyncio": await took_async_us(lambda: bare_async.get(KEY), calls),
                    "state layer, asyncio": await took_async_us(lambda: state_async.run(get()), calls),
                }
                if number:  # the first round connects, and warms up
                    for name, one in took.items():
                        ways[name].add(one)
    bare.close()
    await bare_async.aclose()
    floor.close()
    return ways


def main() -> int:
    """Measure, print, write. 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description="What the state layer adds to a GET, over bare redis-py.")
    parser.add_argument("--quick", action="store_true", help="few calls: does it run?")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the JSON goes")
    asked = parser.parse_args()
    rounds, calls, about = (2, 100, described()) if asked.quick else (ROUNDS, 2000, described())
    with deploy(single(), Means(launcher="process")) as deployment:
        version = deployment.described["redis"]
        gc.freeze()
        ways = asyncio.run(measured(deployment.primary().direct, rounds, calls))
    figures = {name: timed.figures() for name, timed in ways.items()}
    added = {
        "sync": ways["state layer"].median_us - ways["redis-py"].median_us,
        "asyncio": ways["state layer, asyncio"].median_us - ways["redis.asyncio"].median_us,
    }
    p99_ms = {way: float(str(figures[name]["p99_us"])) / 1000 for way, name in LAYERS.items()}
    print(f"commit {commit()}, {today()}; {about}")
    for name, one in figures.items():
        print(f"{name:22} median {one['median_us']:>7} µs, P99 {one['p99_us']:>8} µs")
    goals = [_goal(f"adds at most {GOAL_US} µs to a GET, {way}", us, held=us <= GOAL_US) for way, us in added.items()]
    floor_ms = float(str(figures["raw socket"]["p99_us"])) / 1000
    goals += [_goal_of_p99(way, ms, floor_ms) for way, ms in p99_ms.items()]
    for goal in goals:
        print(f"{goal['goal']}: {goal['value']}, {goal['verdict']}")
    content = {
        "benchmark": "state_layer",
        "commit": commit(),
        "date": today(),
        "machine": about,
        "redis": version,
        "calls_a_round": calls,
        "ways": figures,
        "added_us": {way: round(us, 2) for way, us in added.items()},
        "goals": goals,
    }
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(content, indent=1) + "\n")
    return status(goal["verdict"] for goal in goals)


def _goal_of_p99(way: str, p99_ms: float, floor_ms: float) -> dict[str, object]:
    goal = _goal(f"GET P99 below {GOAL_P99_MS} ms, {way}", p99_ms, held=p99_ms < GOAL_P99_MS)
    if goal["verdict"] == MISSED and floor_ms > GOAL_P99_MS / 2:
        goal["verdict"] = "inconclusive"  # the machine itself holds up a raw socket that long
    return goal


def _goal(goal: str, value: float, *, held: bool) -> dict[str, object]:
    return {"goal": goal, "value": round(value, 3), "verdict": "pass" if held else MISSED}


if __name__ == "__main__":
    sys.exit(main())
