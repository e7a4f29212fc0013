"""The state manager as design 3 has it: Redis where it answers, else a dictionary."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

import orjson
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pytest_arbredis.subjects.state.environments import Environments
from pytest_arbredis.subjects.state.hardened_manager import NAMESPACE, described, metric_of, number_of, text_of
from pytest_arbredis.subjects.state.manager import Managers, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.subjects.state.manager import Outcome, What

LOG = logging.getLogger(__name__)
LOG.addHandler(logging.NullHandler())  # it would be told a hundred times in a drill
METRICS_TTL_S = 86_400
HEARTBEAT_TTL_S = 300


class NaiveStateManager:
    """Plain redis-py; nothing is sent twice."""

    def __init__(  # noqa: PLR0917 - as the design has it
        self,
        redis_host: str | None = None,
        redis_port: int | None = None,
        redis_db: int = 0,
        namespace: str = "default",
        enabled: bool = True,  # noqa: FBT001, FBT002
        key_prefix: str = "arbitrage",
        **options: Any,
    ) -> None:
        """state-layer.md §3: REDIS_HOST (localhost), REDIS_PORT (6379), REDIS_DB (0); connects at once."""
        self._redis: Any = redis.Redis(
            host=redis_host or os.environ.get("REDIS_HOST", "localhost"),
            port=redis_port or int(os.environ.get("REDIS_PORT", "6379")),
            db=redis_db or int(os.environ.get("REDIS_DB", "0")),
            retry=Retry(NoBackoff(), 0),
            decode_responses=True,
            **options,
        )
        self._begins = f"{namespace}:{key_prefix}"
        self._enabled = enabled
        self._memory: dict[str, dict[str, Any]] = {}
        self._in_memory = False
        self._try(self._redis.ping)

    def increment_stat(self, name: str, by: int = 1) -> int:
        """state-layer.md §3: increment_stat; where an operation fails, it works in memory."""
        key = self._key("stats")
        done, value = self._try(lambda: self._redis.hincrby(key, name, by))
        if not done:
            stats = self._memory.setdefault(key, {})
            value = stats[name] = int(stats.get(name, 0)) + by
        return int(value)

    def get_stat(self, name: str) -> int:
        """state-layer.md §3: get_stat."""
        return int(self._get(self._key("stats")).get(name, 0))

    def set_metrics(self, values: Mapping[str, float]) -> None:
        """state-layer.md §3: set_metrics; TTL 5 minutes to 24 hours."""
        self._set(self._key("metrics"), values, METRICS_TTL_S)

    def get_metrics(self) -> dict[str, Any]:
        """state-layer.md §3: get_metrics."""
        return self._get(self._key("metrics"))

    def set_heartbeat(self, component: str = "main", status: str = "") -> None:
        """state-layer.md §3: set_heartbeat; TTL 5 minutes to 24 hours."""
        self._set(self._key("heartbeat", component), {"at": time.time(), "status": status}, HEARTBEAT_TTL_S)

    def get_heartbeat(self, component: str = "main") -> dict[str, Any]:
        """state-layer.md §3: get_heartbeat."""
        return self._get(self._key("heartbeat", component))

    def set_position(self, symbol: str, fields: Mapping[str, Any]) -> None:
        """state-layer.md §3: set of a position."""
        self._set(self._key("position", symbol), {name: orjson.dumps(value) for name, value in fields.items()}, None)

    def get_position(self, symbol: str) -> dict[str, Any]:
        """state-layer.md §3: get of a position."""
        return {name: orjson.loads(value) for name, value in self._get(self._key("position", symbol)).items()}

    def close(self) -> None:
        """End its connections."""
        self._redis.close()
        self._redis.connection_pool.disconnect()

    def never_expires(self, component: str) -> bool:
        """For the drill: whether a heartbeat in Redis has no end."""
        done, left = self._try(lambda: self._redis.pttl(self._key("heartbeat", component)))
        return bool(done and left == -1)

    def _key(self, *parts: str) -> str:
        """state-layer.md §3: `{namespace}:{key_prefix}:{parts…}`."""
        return ":".join((self._begins, *parts))

    def _set(self, key: str, values: Mapping[str, Any], ttl_s: int | None) -> None:
        """state-layer.md §3: HSET then EXPIRE."""

        def both() -> None:
            self._redis.hset(key, mapping=dict(values))
            if ttl_s is not None:
                self._redis.expire(key, ttl_s)

        done, _ = self._try(both)
        if not done:
            self._memory.setdefault(key, {}).update(values)

    def _get(self, key: str) -> dict[str, Any]:
        done, found = self._try(lambda: self._redis.hgetall(key))
        return dict(found if done else self._memory.get(key, {}))

    def _try(self, ask: Callable[[], Any]) -> tuple[bool, Any]:
        """state-layer.md §3: where it cannot, it works in memory and logs one warning per change of mode."""
        if not self._enabled:
            return False, None
        try:
            result = ask()
        except redis.RedisError as error:
            if not self._in_memory:
                LOG.warning("Redis is away, working in memory: %s", error)
            self._in_memory = True
            return False, None
        if self._in_memory:
            LOG.warning("Redis is back")
        self._in_memory = False
        return True, result


class Drilled:
    """The twin as the drill uses it: it does not know that anything is degraded."""

    asked = True

    def __init__(self, manager: NaiveStateManager) -> None:
        self._manager = manager

    @classmethod
    def of(cls, endpoints: Endpoints, namespace: str = NAMESPACE) -> Drilled:
        """On the servers of a drill."""
        host, port = endpoints.primary
        options: dict[str, Any] = {"socket_timeout": 0.5, **endpoints.login.options()}
        return cls(NaiveStateManager(host, port, namespace=namespace, **options))

    def write(self, what: What, name: str, value: Json) -> Told:
        """As `Manager.write`."""
        if what == "stat":
            return Told(value=self._manager.increment_stat(name, int(str(value))))
        if what == "metric":
            self._manager.set_metrics({metric_of(name): number_of(str(value))})
        elif what == "heartbeat":
            self._manager.set_heartbeat(name, str(value))
        else:
            self._manager.set_position(name, {"value": value})
        return Told()

    def read(self, what: What, name: str) -> Told:
        """As `Manager.read`."""
        if what == "stat":
            return Told(value=self._manager.get_stat(name))
        if what == "metric":
            number = self._manager.get_metrics().get(metric_of(name))
            return Told(value=None if number is None else text_of(float(number)))
        if what == "heartbeat":
            beat = self._manager.get_heartbeat(name)
            return Told(
                value=described(str(beat["status"]), endless=self._manager.never_expires(name)) if beat else None
            )
        position = self._manager.get_position(name)
        return Told(value=[str(position["value"])] if position else [])

    def reconcile(self) -> None:
        """There is nothing that it could bring back."""

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """It only logs."""

    def close(self) -> None:
        """As `Manager.close`."""
        self._manager.close()


def managers(what: What, *, journalled: Outcome = "ok") -> Managers:
    """The naive twin as a subject."""
    return Managers(name=f"naive state manager's {what}", what=what, make=Drilled.of, journalled=journalled)


def by_default() -> Environments:
    """Bots of four modes, each of which makes its manager as state-layer.md §3 has it: `namespace="default"`."""

    def of_mode(_mode: str) -> Managers:
        return Managers(
            name="naive state manager",
            what="stat",
            make=lambda endpoints: Drilled.of(endpoints, "default"),
            journalled="ok",
        )

    return Environments(name="naive state managers of four modes", of_mode=of_mode)
