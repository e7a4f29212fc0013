"""Connections of redis.asyncio that count how often, and to whom, an operation was sent; see `counting.py`.

A count belongs to the context of the task that began it, so that operations of several tasks of one loop are told
apart; what the library does for it in tasks of its own, in redis-py 5's time-outs, is counted with it.
"""

from __future__ import annotations

import functools
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from redis.asyncio.connection import Connection

from pytest_arbredis.subjects.counting import Count

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNT: ContextVar[Count | None] = ContextVar("arbredis_count", default=None)
"""The count that the present task adds to, if any."""


@contextmanager
def counted() -> Iterator[Count]:
    """Count what this task sends while entered."""
    count = Count()
    token = COUNT.set(count)
    try:
        yield count
    finally:
        COUNT.reset(token)


class _Counting(Connection):
    """Counts what is sent outside connecting and health checks; `incarnation` counts its sockets."""

    _own_business = 0
    incarnation = 0

    @contextmanager
    def _uncounted(self) -> Iterator[None]:
        self._own_business += 1
        try:
            yield
        finally:
            self._own_business -= 1

    async def connect(self) -> None:
        """Connect and shake hands, uncounted."""
        if not self.is_connected:
            with self._uncounted():
                await super().connect()  # type: ignore[no-untyped-call]

    async def connect_check_health(self, *args: Any, **kwargs: Any) -> None:
        """Connect and shake hands, uncounted (redis-py ≥ 6)."""
        with self._uncounted():
            await super().connect_check_health(*args, **kwargs)

    async def check_health(self) -> None:
        """PING if it is due, uncounted."""
        if self.health_check_interval:
            with self._uncounted():
                await super().check_health()  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        if count := COUNT.get():
            count.dialled((self.host, int(self.port)))
        self.incarnation += 1
        await super()._connect()  # type: ignore[no-untyped-call]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:  # noqa: FBT001, FBT002 - the library's signature
        """Send, and count it unless it is the library's own business.

        Connecting and the health check come first, as in the library, so that an error of theirs, or a cancellation
        that meets them, is no send.
        """
        if not self._own_business:
            if not self.is_connected:
                if hasattr(super(), "connect_check_health"):
                    await self.connect_check_health(check_health=False)
                else:
                    await self.connect()
            if check_health:
                await self.check_health()
            if count := COUNT.get():
                count.sent_to((self.host, int(self.port)))
            check_health = False
        await super().send_packed_command(command, check_health)


@functools.cache
def counting_asyncio(kind: type[Any]) -> type[Any]:
    """That class of connection (plain, over TLS, of a Sentinel's client), counting what it sends."""
    return type(f"Counting{kind.__name__}", (_Counting, kind), {})
