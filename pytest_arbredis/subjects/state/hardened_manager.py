"""The hardened state manager, as the drill uses it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.aio import AsyncStateManager
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.naming import namespace_of
from pytest_arbredis.state.manager.opening import Policy
from pytest_arbredis.state.manager.values import METRICS
from pytest_arbredis.subjects.state.connecting import hardened
from pytest_arbredis.subjects.state.loops import twin
from pytest_arbredis.subjects.state.manager import Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.redis import StateRedis
    from pytest_arbredis.state.connections.running import AsyncLine, Line, RunsAsync
    from pytest_arbredis.state.manager.modes import ModeChange
    from pytest_arbredis.subjects.state.loops import LoopRedis
    from pytest_arbredis.subjects.state.manager import What

T = TypeVar("T")

NAMESPACE = "test:docker"
RETRY_EVERY_S = 0.1
WITHIN_S = 0.5


logging.getLogger("pytest_arbredis.state.manager").addHandler(logging.NullHandler())  # modes are in the history


class Noticing:
    """Runs plans, and remembers whether it was asked to."""

    def __init__(self, redis: StateRedis | LoopRedis) -> None:
        self.redis = redis
        self.asked = False

    def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """As `Runs.run`."""
        self.asked = True
        return self.redis.run(plan, kind=kind, within_s=within_s)

    def line(self, *, within_s: float | None = None) -> Line:
        """As `Runs.line`."""
        return self.redis.line(within_s=within_s)


class NoticingTasks:
    """The same, for asyncio."""

    def __init__(self, redis: RunsAsync, of: Noticing) -> None:
        self._redis = redis
        self._of = of

    async def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """As `RunsAsync.run`."""
        self._of.asked = True
        return await self._redis.run(plan, kind=kind, within_s=within_s)

    async def line(self, *, within_s: float | None = None) -> AsyncLine:
        """As `RunsAsync.line`."""
        return await self._redis.line(within_s=within_s)


class HardenedManager:
    """One `StateManager`, without a circuit breaker beneath it: it is one itself."""

    def __init__(
        self, endpoints: Endpoints, *, namespace: str = NAMESPACE, asyncio: bool = False, without: Without = NONE
    ) -> None:
        self._namespace = namespace
        self._redis = noticing = Noticing(hardened(endpoints, asyncio=asyncio))
        self._note: Callable[[dict[str, Json]], None] | None = None
        policy = Policy(within_s=WITHIN_S, retry_every_s=RETRY_EVERY_S, on_mode_change=self._moved)
        how: Any = {"namespace": namespace, "policy": policy, "_without": without}
        self._manager = twin(
            noticing.redis,
            lambda _: StateManager(redis=noticing, **how),
            lambda redis: AsyncStateManager(redis=NoticingTasks(redis, noticing), **how),
        )

    @property
    def asked(self) -> bool:
        """As `Manager.asked`."""
        return self._redis.asked

    def write(self, what: What, name: str, value: Json) -> Told:
        """As `Manager.write`."""
        self._redis.asked = False
        manager = self._manager
        if what == "stat":
            added = manager.increment_stat(name, int(str(value)))
            return Told(value=added.value, degraded=added.degraded)
        if what == "metric":
            return Told(degraded=manager.set_metrics({metric_of(name): number_of(str(value))}).degraded)
        if what == "heartbeat":
            return Told(degraded=manager.set_heartbeat(name, status=str(value)).degraded)
        return Told(degraded=manager.set_position(name, {"value": value}).degraded)

    def read(self, what: What, name: str) -> Told:
        """As `Manager.read`. A Hash that has no end is described, which nobody wrote."""
        self._redis.asked = False
        manager = self._manager
        if what == "stat":
            stat = manager.read_stat(name)
            return Told(value=stat.value, degraded=stat.degraded)
        if what == "metric":
            metrics = manager.read_metrics()
            number = metrics.value.get(metric_of(name))
            return Told(value=None if number is None else text_of(number), degraded=metrics.degraded)
        if what == "heartbeat":
            beat = manager.read_heartbeat(name)
            endless = not beat.degraded and beat.alive and self._never_expires(name)
            return Told(value=described(beat.status, endless=endless) if beat.alive else None, degraded=beat.degraded)
        position = manager.read_position(name)
        kept = [fields["value"] for fields in (position.fields, *(one.fields for one in position.conflicts)) if fields]
        values: list[Json] = [*sorted(map(str, kept))]
        return Told(value=values, degraded=position.degraded)

    def reconcile(self) -> None:
        """As `Manager.reconcile`."""
        self._manager.reconcile()

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """As `Manager.report_to`."""
        self._note = note

    def close(self) -> None:
        """As `Manager.close`."""
        self._manager.close()
        self._redis.redis.close()

    def _moved(self, change: ModeChange) -> None:
        if self._note is not None:
            told: dict[str, Json] = {"kind": "mode", "seq": change.seq, "from": change.before.value}
            self._note({**told, "to": change.after.value, "cause": change.cause, "waiting": change.waiting})

    def _never_expires(self, name: str) -> bool:
        key = namespace_of(self._namespace, "arbitrage").heartbeat(name)

        def asking() -> Plan[int]:
            return int((yield Command("PTTL", key)))

        return self._redis.run(asking()) == -1


def metric_of(name: str) -> str:
    """The metric that a key of a workload stands for, by its number."""
    return METRICS[int(name.rpartition(".")[2]) % len(METRICS)]


def number_of(text: str) -> int:
    """`v<client>.<number>` as a number: metrics are numbers."""
    client, _, number = text.removeprefix("v").partition(".")
    return int(client) * 1_000_000 + int(number)


def text_of(number: float) -> str:
    """The text that this number stands for."""
    client, rest = divmod(int(number), 1_000_000)
    return f"v{client}.{rest}"


def described(value: str, *, endless: bool) -> str:
    """The value, or what is wrong with where it stands."""
    return f"{value}, and it never expires" if endless else value
