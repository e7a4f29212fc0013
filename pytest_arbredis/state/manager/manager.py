"""`StateManager`: statistics, metrics, heartbeats and positions in Redis, and in memory while Redis is away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self, TypeVar

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.manager import calls
from pytest_arbredis.state.manager.modes import Mode
from pytest_arbredis.state.manager.opening import CatchUp, Policy, core_of, settings_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import Runs
    from pytest_arbredis.state.manager.core import Operation
    from pytest_arbredis.state.manager.entries import Entry
    from pytest_arbredis.state.manager.readings import Heartbeat, Position, Reading, Written
    from pytest_arbredis.state.manager.values import Number

T = TypeVar("T")


class StateManager:
    """Connects at once; where it cannot, or an operation fails, it works in memory until Redis is back.

    What is written meanwhile waits in a journal, and is reconciled by the first operation that finds Redis again: an
    addition is added once, a metric counts if it is the newest, a position that does not fit is a conflict. Reads
    (`read_…`) say whether they are degraded. Each change of mode is logged once, as a warning.

    `namespace` is `{mode}:{env}`: live, paper, shadow or test, and docker, local or memory; `default` is `test:local`.
    With `enabled=False`, or the environment `memory`, everything is of this memory only, and says so. Threads may share
    a manager. `redis` replaces the connection of its own.
    """

    def __init__(  # noqa: PLR0917 - as the design has it
        self,
        redis_host: str | None = None,
        redis_port: int | None = None,
        redis_db: int = 0,
        namespace: str = "default",
        enabled: bool = True,  # noqa: FBT001, FBT002
        key_prefix: str = "arbitrage",
        *,
        redis: Runs | None = None,
        policy: Policy | None = None,
        _without: Without = NONE,
    ) -> None:
        self._policy = policy or Policy()
        self._core = core_of(namespace, key_prefix, enabled=enabled, policy=self._policy, without=_without)
        self._own: StateRedis | None = None
        if redis is None and self._core.modes.mode is not Mode.MEMORY:
            self._own = StateRedis(settings_of(redis_host, redis_port, redis_db))
        self._redis = self._own if redis is None else redis
        self.reconcile()

    @property
    def mode(self) -> Mode:
        """Where it works now."""
        return self._core.modes.mode

    @property
    def waiting(self) -> tuple[Entry, ...]:
        """What waits in the journal, oldest first."""
        with self._core.lock:
            return tuple(self._core.journal)

    @property
    def refused(self) -> tuple[tuple[Entry, StateError], ...]:
        """What could not be reconciled, and will not be, with the reasons."""
        with self._core.lock:
            return tuple(self._core.refused)

    def reconcile(self, *, within_s: float | None = None) -> bool:
        """Try Redis now, and bring it what waits; whether it has everything. Nobody else does so between operations."""
        with self._core.lock:
            self._core.modes.try_now()
        return self._run(CatchUp(), within_s)

    def increment_stat(self, name: str, by: int = 1, *, within_s: float | None = None) -> Reading[int]:
        """Add to a statistic, once; its new value."""
        return self._run(calls.increment(self._core, name, by), within_s)

    def get_stat(self, name: str, *, within_s: float | None = None) -> int:
        """A statistic, 0 where there is none; as good as is known."""
        return self.read_stat(name, within_s=within_s).value

    def read_stat(self, name: str, *, within_s: float | None = None) -> Reading[int]:
        """A statistic, and whether it is degraded."""
        return self._run(calls.read_stat(name), within_s)

    def set_metrics(
        self, values: Mapping[str, Number], *, ttl_s: float = calls.METRICS_TTL_S, within_s: float | None = None
    ) -> Written:
        """Set some metrics; all of them live `ttl_s` seconds from then on, 5 minutes to 24 hours."""
        return self._run(calls.set_metrics(self._core, values, ttl_s, within_s), within_s)

    def get_metrics(self, *, within_s: float | None = None) -> dict[str, Number]:
        """The metrics that are set; as good as is known."""
        return self.read_metrics(within_s=within_s).value

    def read_metrics(self, *, within_s: float | None = None) -> Reading[dict[str, Number]]:
        """The metrics that are set, and whether they are degraded."""
        return self._run(calls.read_metrics(), within_s)

    def set_heartbeat(
        self,
        component: str = calls.COMPONENT,
        *,
        status: str = "",
        ttl_s: float = calls.HEARTBEAT_TTL_S,
        within_s: float | None = None,
    ) -> Written:
        """A sign of life, stamped by the server. While Redis is away it is none: `degraded`, and not sent later."""
        return self._run(calls.beat(self._core, component, status, ttl_s, within_s), within_s)

    def get_heartbeat(self, component: str = calls.COMPONENT, *, within_s: float | None = None) -> float | None:
        """When Redis got the last heartbeat that is known, in seconds since 1970 by the server's clock."""
        return self.read_heartbeat(component, within_s=within_s).at_s

    def read_heartbeat(
        self,
        component: str = calls.COMPONENT,
        *,
        alive_s: float = calls.HEARTBEAT_TTL_S,
        within_s: float | None = None,
    ) -> Heartbeat:
        """The last heartbeat; alive if Redis says that it is at most `alive_s` seconds old."""
        return self._run(calls.read_heartbeat(component, alive_s), within_s)

    def set_position(
        self,
        symbol: str,
        fields: Mapping[str, object],
        *,
        over: Position | None = None,
        within_s: float | None = None,
    ) -> Written:
        """Write a position over the one that this manager last saw, or over `over`, whose conflicts it resolves.

        Raises `ConflictError`, and writes nothing, if another one is there.
        """
        return self._run(calls.set_position(self._core, symbol, fields, over), within_s)

    def get_position(self, symbol: str, *, within_s: float | None = None) -> dict[str, object] | None:
        """A position, None where there is none; as good as is known. Raises `ConflictError` if it is in conflict."""
        return calls.agreed(self.read_position(symbol, within_s=within_s))

    def read_position(self, symbol: str, *, within_s: float | None = None) -> Position:
        """A position with its version and its conflicts, and whether it is degraded."""
        return self._run(calls.read_position(symbol), within_s)

    def close(self) -> None:
        """Try once more to bring Redis what waits, and end its connections.

        What waits even then is in the journal's file, and lost if there is none.
        """
        if self.waiting:
            self.reconcile()
        self._core.journal.close()
        if self._own is not None:
            self._own.close()

    def _run(self, op: Operation[T], within_s: float | None) -> T:
        core, failure = self._core, None
        plan = core.attempt(op)
        if plan is not None and self._redis is not None:
            try:
                return self._redis.run(plan, kind=op.kind, within_s=within_s or core.within_s)
            except StateError as error:
                failure = error
        return core.otherwise(op, failure)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
