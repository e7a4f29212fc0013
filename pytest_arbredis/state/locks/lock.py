"""`FencedLock`, `FencedResource` and their asyncio twins: what callers use."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.deadline import deadline
from pytest_arbredis.state.errors import ConflictError, StateError
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import DEADLINES_S, Kind
from pytest_arbredis.state.locks import plans
from pytest_arbredis.state.locks.reign import AsyncOneReign, AsyncReigns, OneReign, Reigns
from pytest_arbredis.state.locks.token import Held, Token, expires_ns, require_ttl

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.running import Runs, RunsAsync

ONE: Final = OneReign()
ASYNC_ONE: Final = AsyncOneReign()
WITHIN_S: Final = DEADLINES_S[Kind.FAST]


class _Attempts:
    """The owner of the next attempt: a new one, or that of an attempt whose outcome is not known."""

    def __init__(self) -> None:
        self._owner: str | None = None

    def begin(self) -> str:
        """A name that nobody else has."""
        self._owner = self._owner or uuid4().hex
        return self._owner

    def ended(self, error: StateError | None) -> None:
        """What an attempt without a reply may have acquired is found again by its owner's name."""
        if error is None or isinstance(error, ConflictError):
            self._owner = None


class FencedLock:
    """A lock with a time to live, for one thread; `acquire` tries once.

    While no failover loses it, one holder at a time has it. Through failovers the tokens grow, if `reigns` knows them
    (`reigns_of(settings)`): what a holder writes with its token, a resource can refuse to an older one. No lock alone
    can promise more: `FencedResource`, or a guard like its, is what keeps a late holder out.
    """

    def __init__(
        self,
        redis: Runs,
        name: str,
        *,
        ttl_s: float = 10.0,
        reigns: Reigns = ONE,
        clock: Clock = SYSTEM_CLOCK,
        _without: Without = NONE,
    ) -> None:
        self.name = name
        self.ttl_s = require_ttl(ttl_s)
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)
        self._reigns = reigns if "epoch" not in _without else ONE
        self._clock = clock
        self._attempts = _Attempts()

    def acquire(self, *, within_s: float | None = None) -> Held:
        """The lock. Raises `ConflictError` if another holds it, `UnknownPrimaryError` during a failover.

        If its reply is lost, the next call of this object finds what it acquired.
        """
        sent_ns = self._clock.monotonic_ns()
        owner = self._attempts.begin()
        try:
            with deadline(WITHIN_S if within_s is None else within_s):
                reign = self._reigns.present()
                plan = plans.acquire(self.name, owner, ttl_ms=int(self.ttl_s * 1000), reign=reign)
                token = self._redis.run(plan, within_s=within_s)
        except StateError as error:
            self._attempts.ended(error)
            raise
        self._attempts.ended(None)
        until_ns = expires_ns(sent_ns, self.ttl_s)
        return Held(name=self.name, owner=owner, token=token, expires_ns=until_ns, clock=self._clock)

    def release(self, held: Held, *, within_s: float | None = None) -> bool:
        """Whether it was still held by this holder; another's lock is left alone."""
        return self._redis.run(plans.release(held.name, held.owner, without=self._without), within_s=within_s)

    def extend(self, held: Held, *, within_s: float | None = None) -> Held:
        """The same lock, with the same token, for another TTL. Raises `ConflictError` if it was lost."""
        sent_ns = self._clock.monotonic_ns()
        self._redis.run(plans.extend(held.name, held.owner, ttl_ms=int(self.ttl_s * 1000)), within_s=within_s)
        return replace(held, expires_ns=expires_ns(sent_ns, self.ttl_s))


class FencedResource:
    """A value that is written with a token, and refuses one that is older than any it has seen.

    It keeps late holders out as long as it is not itself lost at a failover: keep it where it survives, or repeat its
    comparison at the real resource.
    """

    def __init__(self, redis: Runs, name: str, *, _without: Without = NONE) -> None:
        self.name = name
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)

    def write(self, token: Token, value: str | bytes, *, within_s: float | None = None) -> None:
        """Raises `ConflictError` if a newer token was there before: nothing was written."""
        self._redis.run(plans.write(self.name, token, value, without=self._without), within_s=within_s)

    def read(self, *, within_s: float | None = None) -> tuple[bytes | None, Token | None]:
        """The value, and the token it was written with; None before the first write."""
        return self._redis.run(plans.read(self.name), within_s=within_s)


class AsyncFencedLock:
    """As `FencedLock`, for asyncio: for one task."""

    def __init__(
        self,
        redis: RunsAsync,
        name: str,
        *,
        ttl_s: float = 10.0,
        reigns: AsyncReigns = ASYNC_ONE,
        clock: Clock = SYSTEM_CLOCK,
        _without: Without = NONE,
    ) -> None:
        self.name = name
        self.ttl_s = require_ttl(ttl_s)
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)
        self._reigns = reigns if "epoch" not in _without else ASYNC_ONE
        self._clock = clock
        self._attempts = _Attempts()

    async def acquire(self, *, within_s: float | None = None) -> Held:
        """As `FencedLock.acquire`."""
        sent_ns = self._clock.monotonic_ns()
        owner = self._attempts.begin()
        try:
            with deadline(WITHIN_S if within_s is None else within_s):
                reign = await self._reigns.present()
                plan = plans.acquire(self.name, owner, ttl_ms=int(self.ttl_s * 1000), reign=reign)
                token = await self._redis.run(plan, within_s=within_s)
        except StateError as error:
            self._attempts.ended(error)
            raise
        self._attempts.ended(None)
        until_ns = expires_ns(sent_ns, self.ttl_s)
        return Held(name=self.name, owner=owner, token=token, expires_ns=until_ns, clock=self._clock)

    async def release(self, held: Held, *, within_s: float | None = None) -> bool:
        """As `FencedLock.release`."""
        return await self._redis.run(plans.release(held.name, held.owner, without=self._without), within_s=within_s)

    async def extend(self, held: Held, *, within_s: float | None = None) -> Held:
        """As `FencedLock.extend`."""
        sent_ns = self._clock.monotonic_ns()
        await self._redis.run(plans.extend(held.name, held.owner, ttl_ms=int(self.ttl_s * 1000)), within_s=within_s)
        return replace(held, expires_ns=expires_ns(sent_ns, self.ttl_s))


class AsyncFencedResource:
    """As `FencedResource`, for asyncio."""

    def __init__(self, redis: RunsAsync, name: str, *, _without: Without = NONE) -> None:
        self.name = name
        self._redis = redis
        self._without = require_known(_without, plans.HARDENINGS)

    async def write(self, token: Token, value: str | bytes, *, within_s: float | None = None) -> None:
        """As `FencedResource.write`."""
        await self._redis.run(plans.write(self.name, token, value, without=self._without), within_s=within_s)

    async def read(self, *, within_s: float | None = None) -> tuple[bytes | None, Token | None]:
        """As `FencedResource.read`."""
        return await self._redis.run(plans.read(self.name), within_s=within_s)
