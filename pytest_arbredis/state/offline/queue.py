"""`OfflineQueue` and its asyncio twin: what callers use."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.deadline import deadline
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.kinds import DEADLINES_S, Kind
from pytest_arbredis.state.offline.core import Core, Listener, Steps
from pytest_arbredis.state.offline.policy import Answer, OfflinePolicy

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.running import Runs, RunsAsync

T = TypeVar("T")

POLICY = OfflinePolicy()


class OfflineQueue:
    """Operations that wait while Redis is away, and reads with a fallback; any number of threads may share it.

    Bounded, with expiry, the oldest first: what waits longer than it is valid is not sent, and when Redis is back the
    others are sent in their order before anything new. Only what certainly did nothing waits: an operation whose reply
    was lost is raised to its caller, never sent again. What waits is of this process's memory, and ends with it.

    Nobody sends it between operations: call `flush` where there may be none. `on_settled` is called once for each
    operation that waited, by whoever met its end; it must be quick, and raise nothing.
    """

    def __init__(
        self,
        redis: Runs,
        policy: OfflinePolicy = POLICY,
        *,
        on_settled: Listener | None = None,
        clock: Clock = SYSTEM_CLOCK,
        chance: random.Random | None = None,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._core = Core(policy, on_settled, clock, chance or random.Random(), _without)

    def __len__(self) -> int:
        return len(self._core.backlog)

    def do(
        self,
        what: str,
        make: Callable[[], Plan[T]],
        *,
        kind: Kind = Kind.FAST,
        valid_for_s: float | None = None,
        within_s: float | None = None,
    ) -> Answer[T]:
        """Send an operation, or let it wait; `make` makes its plan, for each attempt anew. `what` names it.

        What waits is sent before it: both have `within_s` together (what its kind may take), and what is left then
        waits on.

        Raises `BacklogFullError` if it cannot wait, and every `StateError` that does not mean that Redis is away.
        """
        with deadline(DEADLINES_S[kind] if within_s is None else within_s):
            answer: Answer[T] = self._drive(self._core.do(self._core.waiting(what, make, kind, valid_for_s)))
        return answer

    def ask(
        self, make: Callable[[], Plan[T]], *, otherwise: T, kind: Kind = Kind.FAST, within_s: float | None = None
    ) -> Answer[T]:
        """Read, or give `otherwise` while Redis is away. It sees nothing of what waits."""
        limit_s = DEADLINES_S[kind] if within_s is None else within_s
        answer: Answer[T] = self._drive(self._core.ask(make(), kind, limit_s, otherwise))
        return answer

    def flush(self, *, within_s: float = DEADLINES_S[Kind.PIPELINE]) -> int:
        """Send what waits, now; how many wait still."""
        with deadline(within_s):
            self._drive(self._core.drain(now=True))
        return len(self)

    def close(self, *, within_s: float = DEADLINES_S[Kind.PIPELINE]) -> None:
        """Try once more; what waits even then is dropped, and told."""
        self.flush(within_s=within_s)
        self._core.end()

    def _drive(self, steps: Steps) -> Any:
        try:
            step = next(steps)
            while True:
                try:
                    result = self._redis.run(step.plan, kind=step.kind, within_s=step.within_s)
                except BaseException as error:  # noqa: BLE001 - the steps decide, and raise it again if it is not theirs
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return done.value
        finally:
            steps.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncOfflineQueue:
    """As `OfflineQueue`, for asyncio. A cancelled call settles as unknown what it was sending."""

    def __init__(
        self,
        redis: RunsAsync,
        policy: OfflinePolicy = POLICY,
        *,
        on_settled: Listener | None = None,
        clock: Clock = SYSTEM_CLOCK,
        chance: random.Random | None = None,
        _without: Without = NONE,
    ) -> None:
        self._redis = redis
        self._core = Core(policy, on_settled, clock, chance or random.Random(), _without)

    def __len__(self) -> int:
        return len(self._core.backlog)

    async def do(
        self,
        what: str,
        make: Callable[[], Plan[T]],
        *,
        kind: Kind = Kind.FAST,
        valid_for_s: float | None = None,
        within_s: float | None = None,
    ) -> Answer[T]:
        """As `OfflineQueue.do`."""
        with deadline(DEADLINES_S[kind] if within_s is None else within_s):
            answer: Answer[T] = await self._drive(self._core.do(self._core.waiting(what, make, kind, valid_for_s)))
        return answer

    async def ask(
        self, make: Callable[[], Plan[T]], *, otherwise: T, kind: Kind = Kind.FAST, within_s: float | None = None
    ) -> Answer[T]:
        """As `OfflineQueue.ask`."""
        limit_s = DEADLINES_S[kind] if within_s is None else within_s
        answer: Answer[T] = await self._drive(self._core.ask(make(), kind, limit_s, otherwise))
        return answer

    async def flush(self, *, within_s: float = DEADLINES_S[Kind.PIPELINE]) -> int:
        """As `OfflineQueue.flush`."""
        with deadline(within_s):
            await self._drive(self._core.drain(now=True))
        return len(self)

    async def close(self, *, within_s: float = DEADLINES_S[Kind.PIPELINE]) -> None:
        """As `OfflineQueue.close`."""
        await self.flush(within_s=within_s)
        self._core.end()

    async def _drive(self, steps: Steps) -> Any:
        try:
            step = next(steps)
            while True:
                try:
                    result = await self._redis.run(step.plan, kind=step.kind, within_s=step.within_s)
                except BaseException as error:  # noqa: BLE001 - the steps decide, and raise it again if it is not theirs
                    step = steps.throw(error)
                else:
                    step = steps.send(result)
        except StopIteration as done:
            return done.value
        finally:
            steps.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
