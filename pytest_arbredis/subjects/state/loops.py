"""The asyncio twins of the layer for the threads of a drill: each call is a task of one event loop that all share.

So the calls of a load's clients interleave on one pool of connections, as those of a bot do, and its clients are the
same as those of the twins of threads: whatever a drill asks of a piece is written once.
"""

from __future__ import annotations

import asyncio
import threading
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar, cast

from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.running import Line, Runs, RunsAsync
    from pytest_arbredis.state.connections.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class EventLoop:
    """An event loop that runs in a thread of its own until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="arbredis-asyncio", daemon=True)
        self._thread.start()

    def result(self, work: Coroutine[Any, Any, T]) -> T:
        """What the coroutine gives, as a task of this loop; its context is the calling thread's."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """End it, when nothing runs on it any more."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Awaited:
    """An asyncio object whose coroutines are run on a loop and waited for; its other attributes are as they are."""

    def __init__(self, of: object, loop: EventLoop) -> None:
        self._of = of
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._of, name)
        if not iscoroutinefunction(found):
            return found
        return lambda *args, **kwargs: self._loop.result(found(*args, **kwargs))


class LoopRedis:
    """An `AsyncStateRedis` on a loop, for threads. Implements `Runs`."""

    def __init__(self, redis: AsyncStateRedis, loop: EventLoop) -> None:
        self.redis = redis
        self.loop = loop

    def run(self, plan: Plan[T], *, kind: Kind = Kind.FAST, within_s: float | None = None) -> T:
        """As `Runs.run`."""
        return self.loop.result(self.redis.run(plan, kind=kind, within_s=within_s))

    def line(self, *, within_s: float | None = None) -> Line:
        """As `Runs.line`."""
        return cast("Line", Awaited(self.loop.result(self.redis.line(within_s=within_s)), self.loop))

    def close(self) -> None:
        """End all connections."""
        self.loop.result(self.redis.close())


class _OfLoad:
    """The loop and the pool of one load, for as long as one of its clients uses them."""

    def __init__(self, endpoints: Endpoints, settings: Settings) -> None:
        self.endpoints = endpoints  # held, so that nobody else's have the same id
        self.loop = EventLoop()
        self.redis = AsyncStateRedis(settings)
        self.users = 0


_LOADS: dict[int, _OfLoad] = {}
_LOCK = threading.Lock()


class SharedLoopRedis(LoopRedis):
    """The `LoopRedis` that all clients with these endpoints share; the last one that closes it ends it."""

    def __init__(self, endpoints: Endpoints, settings: Settings) -> None:
        with _LOCK:
            of = _LOADS.get(id(endpoints))
            if of is None:
                of = _LOADS[id(endpoints)] = _OfLoad(endpoints, settings)
            of.users += 1
        self._of_load = of
        super().__init__(of.redis, of.loop)

    def close(self) -> None:
        """Leave it."""
        of = self._of_load
        with _LOCK:
            of.users -= 1
            if of.users:
                return
            _LOADS.pop(id(of.endpoints), None)
        super().close()
        self.loop.close()


def twin(
    redis: Runs,
    threads: Callable[Concatenate[Runs, P], T],
    tasks: Callable[Concatenate[RunsAsync, P], object],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """A piece of the layer on that connection: what `threads` makes, or for a loop's what `tasks` makes, awaited."""
    if isinstance(redis, LoopRedis):
        return cast("T", Awaited(tasks(redis.redis, *args, **kwargs), redis.loop))
    return threads(redis, *args, **kwargs)
