"""redis-py's client and pipeline on a borrowed connection: all commands, with deadline and breaker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import redis
from redis.client import Pipeline

from pytest_arbredis.state.connections.backend import finish
from pytest_arbredis.state.connections.borrowing import Loan, Replayed, first_error
from pytest_arbredis.state.errors import ConflictError, MisuseError, StateError

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.backend import Wire


class _NoPool(redis.ConnectionPool):
    """Stands where a client has its pool; gives nothing, so that no command goes past the loan."""

    def get_connection(self, *_: Any, **__: Any) -> NoReturn:
        raise MisuseError(
            "redis_context() has one connection, for commands and pipelines",
            remedy="for subscriptions use StateRedis.line()",
        )


_NO_POOL = _NoPool(protocol=2)


class BorrowedRedis(redis.Redis):
    """A `redis.Redis` for the length of a `redis_context()`. Errors are the layer's; of redis-py only `WatchError`."""

    def __init__(self, loan: Loan) -> None:
        self._loan = loan
        super().__init__(connection_pool=_NO_POOL)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Send it, and give what redis-py makes of the reply."""
        reply = finish(self._loan.command(args))
        parse: Any = self.parse_response
        return parse(Replayed(reply, decodes=self._loan.decodes), args[0], **options)

    def pipeline(self, transaction: bool = True, shard_hint: str | None = None) -> BorrowedPipeline:  # noqa: FBT001, FBT002 - redis-py's own signature
        """Commands in one round trip; with WATCH first, an optimistic transaction."""
        return BorrowedPipeline(self._loan, self.response_callbacks, transaction, shard_hint)

    def close(self) -> None:
        """Nothing: the context gives the connection back."""


class BorrowedPipeline(Pipeline):
    """As redis-py's. What was watched on a connection that is gone is a `WatchError`; so is a key that changed."""

    def __init__(self, loan: Loan, callbacks: Any, transaction: bool, shard_hint: str | None) -> None:  # noqa: FBT001 - redis-py's own signature
        self._loan = loan
        self._watched_on: Wire | None = None
        super().__init__(_NO_POOL, callbacks, transaction, shard_hint)

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        """Before MULTI: as of the client itself."""
        still_watching(self, self._watched_on)
        reply = finish(self._loan.command(args))
        if str(args[0]).upper() == "WATCH":
            self._watched_on = self._loan.wire
        parse: Any = self.parse_response
        return parse(Replayed(reply, decodes=self._loan.decodes), args[0], **options)

    def execute(self, raise_on_error: bool = True) -> list[Any]:  # noqa: FBT001, FBT002 - redis-py's own signature
        """Send all commands; give what redis-py makes of the replies. An error inside of EXEC is raised."""
        stack = list(self.command_stack)
        if not stack and not self.watching:
            return []
        try:
            if self.scripts:
                load: Any = self.load_scripts
                load()
            still_watching(self, self._watched_on)
            # Where the client has a method, redis-py's pipelines keep what they were told.
            transaction = getattr(self, "transaction") or self.explicit_transaction  # noqa: B009 - as said
            replies = finish(self._loan.together([args for args, _ in stack], transaction=bool(transaction)))
            self.watching = False
        except ConflictError as error:
            self.watching = False
            raise redis.WatchError(error.cause) from error
        finally:
            self.reset()
        failed = first_error(replies)
        if failed is not None and raise_on_error:
            raise failed
        parse: Any = self.parse_response
        return [
            reply
            if isinstance(reply, StateError)
            else parse(Replayed(reply, decodes=self._loan.decodes), args[0], **options)
            for (args, options), reply in zip(stack, replies, strict=True)
        ]

    def reset(self) -> None:  # type: ignore[override]  # the client has a command of this name
        """Forget all commands. A connection that still watches is ended: nothing else undoes that for certain."""
        forget(self)


def still_watching(pipeline: Any, watched_on: Wire | None) -> None:
    """Raises `redis.WatchError` if `pipeline` watches keys on a connection that is no more."""
    if pipeline.watching and pipeline._loan.wire is not watched_on:  # noqa: SLF001 - both pipelines are ours
        pipeline.watching = False
        message = "the connection that watched was lost"
        raise redis.WatchError(message)


def forget(pipeline: Any) -> None:
    """Empty a pipeline."""
    if pipeline.watching:
        pipeline._loan.drop()  # noqa: SLF001 - both pipelines are ours
    pipeline.command_stack = []
    pipeline.scripts = set()
    pipeline.watching = False
    pipeline.explicit_transaction = False
