"""`redis_context()`: a redis-py client on one borrowed connection, in `with` and in `async with`.

    with redis_context() as redis:
        redis.hset("physics:state", "mass", "1")

    async with redis_context() as redis:
        await redis.get("price:BTC")

Without an argument the connection comes from a pool that the environment describes (`urls.settings_of_env`): one a
process for threads, and one an event loop, made when first asked for and closed with the interpreter, or the loop.
"""

from __future__ import annotations

import asyncio
import atexit
import threading
import weakref
from typing import TYPE_CHECKING, Self

from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.async_clients import AsyncBorrowedRedis
from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.borrowing import Loan
from pytest_arbredis.state.connections.clients import BorrowedRedis
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.errors import MisuseError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


class RedisContext:
    """What `redis_context` gives: entered once, by a thread or by a task."""

    def __init__(self, of: StateRedis | AsyncStateRedis | None, *, decode_responses: bool) -> None:
        self._of = of
        self._decodes = decode_responses
        self._loan: Loan | None = None

    def __enter__(self) -> BorrowedRedis:
        state = _of_threads() if self._of is None else self._of
        if not isinstance(state, StateRedis):
            raise MisuseError("an AsyncStateRedis in a plain with", remedy="write async with")
        self._loan = Loan(state.calls, finish(state.calls.borrow()), decodes=self._decodes)
        return BorrowedRedis(self._loan)

    def __exit__(self, *_: object) -> None:
        self._end()

    async def __aenter__(self) -> AsyncBorrowedRedis:
        state = await _of_loop() if self._of is None else self._of
        if not isinstance(state, AsyncStateRedis):
            raise MisuseError("a StateRedis in async with", remedy="give an AsyncStateRedis, or write with")
        self._loan = Loan(state.calls, await state.calls.borrow(), decodes=self._decodes)
        return AsyncBorrowedRedis(self._loan)

    async def __aexit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        loan, self._loan = self._loan, None
        if loan is not None:
            loan.end()


def redis_context(of: StateRedis | AsyncStateRedis | None = None, *, decode_responses: bool = False) -> RedisContext:
    """Borrow one connection for a block; it is given back on every way out of it, a cancelled task's too.

    Every command has the deadline of its kind (fast 2 s, normal 5 s, slow 10 s, pipeline 15 s), or what a `deadline`
    around it leaves, and asks the circuit breaker. Raises `StateError`s; of redis-py's own only `WatchError`.
    """
    return RedisContext(of, decode_responses=decode_responses)


class _Default:
    """The pool of this process's threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._state: StateRedis | None = None

    def get(self) -> StateRedis:
        with self._lock:
            if self._state is None:
                self._state = StateRedis.from_env()
            return self._state

    def close(self) -> None:
        with self._lock:
            state, self._state = self._state, None
        if state is not None:
            state.close()


_DEFAULT = _Default()
atexit.register(_DEFAULT.close)
_of_threads = _DEFAULT.get


def close_default() -> None:
    """Close the pool of `redis_context()` in threads; the next one makes another, of the environment as it is then."""
    _DEFAULT.close()


class _Kept:
    """A loop's pool, and the generator that its loop ends with it (`shutdown_asyncgens`)."""

    def __init__(self) -> None:
        self.state = AsyncStateRedis.from_env()
        self.keeper = self._keep()

    async def _keep(self) -> AsyncGenerator[Self, None]:
        try:
            yield self
        finally:
            await self.state.close()


_OF_LOOPS: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Kept] = weakref.WeakKeyDictionary()


async def _of_loop() -> AsyncStateRedis:
    loop = asyncio.get_running_loop()
    kept = _OF_LOOPS.get(loop)
    if kept is None:
        kept = _OF_LOOPS[loop] = _Kept()
        await anext(kept.keeper)
    return kept.state
