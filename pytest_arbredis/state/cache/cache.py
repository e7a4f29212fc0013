"""`Cache`: a value from Redis, or else from the database, for threads."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pytest_arbredis.state.cache import reading
from pytest_arbredis.state.cache.desk import Desk, cached_pattern, ttl_of
from pytest_arbredis.state.cache.flights import Flights
from pytest_arbredis.state.cache.policy import HARDENINGS, CachePolicy
from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.deadline import expires_ns, remaining_s
from pytest_arbredis.state.errors import DatabaseBusyError
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import DEADLINES_S, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.cache.reading import Steps
    from pytest_arbredis.state.connections.running import Runs
    from pytest_arbredis.state.json_value import Json

T = TypeVar("T")

WITHIN_S = DEADLINES_S[Kind.NORMAL]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(Generic[T]):
    """What the database gave back. Not `invalidated`: readers may be given the old value for `stale_s` at most."""

    value: T
    invalidated: bool
    stale_s: float


class Cache:
    """A cache of JSON values before a database. Readers share loads, in this process and across processes.

    A value is never older than its TTL. After a write that says `invalidated` nobody is given what was before, but for
    readers whose load had begun while Redis was away, for as long as that load takes; and after a failover that lost
    the invalidation, for the TTL. `chance` draws the jitter; `pause` lets seconds pass.
    """

    def __init__(
        self,
        redis: Runs,
        policy: CachePolicy | None = None,
        *,
        chance: random.Random | None = None,
        clock: Clock = SYSTEM_CLOCK,
        pause: Callable[[float], object] = time.sleep,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._pause = pause
        self.desk = Desk(
            policy=policy or CachePolicy(),
            flights=Flights(threading.Event),
            chance=chance or random.Random(),
            clock=clock,
            without=require_known(_without, HARDENINGS),
        )
        self._gate = threading.BoundedSemaphore(self.desk.policy.database_at_once)

    def get_with_fallback(self, key: str, load: Callable[[], Json], *, within_s: float | None = None) -> Json:
        """The value of `key`: as Redis has it, or as `load` gives it (and it is kept, if it is still right).

        Errors of Redis are not the caller's: the database is asked. What `load` raises is raised. `DatabaseBusyError`
        if no load was free to begin in time, `DeadlineExceededError` if the time was over before; a load that has begun
        is not cut off.
        """
        cached_pattern(key)
        return self._drive(reading.read(self.desk, key), load, expires_ns(WITHIN_S if within_s is None else within_s))

    def write(self, key: str, store: Callable[[], T], *, within_s: float | None = None) -> Written[T]:
        """Write by `store` to the database, then forget what is cached; also if it raises: it may have written.

        Never raises for the cache's sake: the database has the new value. A lost invalidation is repeated before this
        cache asks Redis anything else, and until then it asks the database for that key.
        """
        cached_pattern(key)
        stale_s = ttl_of(key, self.desk.policy)
        done = False
        try:
            value = store()
        finally:
            expires_at_ns = expires_ns(WITHIN_S if within_s is None else within_s)
            done = self._drive(reading.invalidate(self.desk, key), None, expires_at_ns)
        return Written(value=value, invalidated=done, stale_s=0.0 if done else stale_s)

    def _drive(self, steps: Steps, load: Callable[[], Json] | None, expires_at_ns: int) -> Any:
        try:
            step = next(steps)
            while True:
                try:
                    answer = self._take(step, load, expires_at_ns)
                except BaseException as error:  # noqa: BLE001 - the steps decide, and raise it again if it is not theirs
                    step = steps.throw(error)
                else:
                    step = steps.send(answer)
        except StopIteration as done:
            return done.value
        finally:
            steps.close()

    def _take(self, step: reading.Step, load: Callable[[], Json] | None, expires_at_ns: int) -> Any:
        left_s = remaining_s(expires_at_ns, doing="asking the cache")
        match step:
            case reading.AskRedis():
                within_s = min(left_s, self.desk.policy.redis_within_s)
                return self._redis.run(step.plan, kind=Kind.FAST, within_s=within_s)
            case reading.Load():
                return self._loaded(load, left_s)
            case reading.Follow():
                return step.flight.landed.wait(min(step.within_s, left_s))  # type: ignore[attr-defined]
            case reading.Pause():
                return self._pause(min(step.seconds, left_s))

    def _loaded(self, load: Callable[[], Json] | None, within_s: float) -> Json:
        if not self._gate.acquire(timeout=within_s):
            raise DatabaseBusyError(
                f"{self.desk.policy.database_at_once} loads were under way for {within_s:.3g} s",
                remedy="a slow database, or database_at_once is too low",
            )
        try:
            return load() if load is not None else None
        finally:
            self._gate.release()
