"""redis.asyncio's client and pipeline on a borrowed connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import redis
import redis.asyncio
from redis.asyncio.client import Pipeline

from pytest_arbredis.state.connections.borrowing import Loan, ReplayedLater, first_error
from pytest_arbredis.state.connections.clients import forget, still_watching
from pytest_arbredis.state.errors import ConflictError, MisuseError, StateError

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.backend import Wire


class _NoPool(redis.asyncio.ConnectionPool):
    """As of `clients.py`."""

    async def get_connection(self, *_: Any, **__: Any) -> NoReturn:
        raise MisuseError(
            "redis_context() has one connection, for commands and pipelines",
            remedy="for subscriptions use AsyncStateRedis.line()",
        )


_NO_POOL: Any = _NoPool(protocol=2)


class AsyncBorrowedRedis(redis.asyncio.Redis):
    """As `BorrowedRedis`, for asyncio."""

    def __init__(self, loan: Loan) -> None:
        self._loan = loan
        super().__init__(connection_pool=_NO_POOL)

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As `BorrowedRedis.execute_command`."""
        reply = await self._loan.command(args)
        parse: Any = self.parse_response
        return await parse(ReplayedLater(reply, decodes=self._loan.decodes), args[0], **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> AsyncBorrowedPipeline:  # noqa: FBT001, FBT002 - redis-py's own signature
        """As `BorrowedRedis.pipeline`."""
        return AsyncBorrowedPipeline(self._loan, self.response_callbacks, transaction, shard_hint)

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - redis-py's own signature
        """Nothing: the context gives the connection back."""


class AsyncBorrowedPipeline(Pipeline):
    """As `BorrowedPipeline`, for asyncio."""

    def __init__(self, loan: Loan, callbacks: Any, transaction: bool, shard_hint: str | None) -> None:  # noqa: FBT001 - redis-py's own signature
        self._loan = loan
        self._watched_on: Wire | None = None
        super().__init__(_NO_POOL, callbacks, transaction, shard_hint)

    async def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """As `BorrowedPipeline.immediate_execute_command`."""
        still_watching(self, self._watched_on)
        reply = await self._loan.command(args)
        if str(args[0]).upper() == "WATCH":
            self._watched_on = self._loan.wire
        parse: Any = self.parse_response
        return await parse(ReplayedLater(reply, decodes=self._loan.decodes), args[0], **options)

    async def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's own signature
        """As `BorrowedPipeline.execute`."""
        stack = list(self.command_stack)
        if not stack and not self.watching:
            return []
        try:
            if self.scripts:
                load: Any = self.load_scripts
                await load()
            still_watching(self, self._watched_on)
            transaction = bool(self.is_transaction or self.explicit_transaction)
            replies = await self._loan.together([args for args, _ in stack], transaction=transaction)
            self.watching = False
        except ConflictError as error:
            self.watching = False
            raise redis.WatchError(error.cause) from error
        finally:
            forget(self)
        failed = first_error(replies)
        if failed is not None and raise_on_error:
            raise failed
        parse: Any = self.parse_response
        return [
            reply
            if isinstance(reply, StateError)
            else await parse(ReplayedLater(reply, decodes=self._loan.decodes), args[0], **options)
            for (args, options), reply in zip(stack, replies, strict=True)
        ]

    async def reset(self) -> None:  # type: ignore[override]  # the client has a command of this name
        """As `BorrowedPipeline.reset`."""
        forget(self)
