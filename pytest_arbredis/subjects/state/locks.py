"""A lock and the resource that it protects as a subject: holders come too late, and release what is not theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.errors import ConflictError, StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.locks.lock import AsyncFencedLock, AsyncFencedResource, FencedLock, FencedResource
from pytest_arbredis.state.locks.reign import async_reigns_of, reigns_of
from pytest_arbredis.subjects.state.connecting import hardened, lacking, settings_of
from pytest_arbredis.subjects.state.loops import twin
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints, Invocation
    from pytest_arbredis.state.locks.token import Held

OPERATIONS = frozenset({"acquire", "accept", "release"})
TTL_MS = 120
WITHIN_S = 0.5
Token = list[int]


class Lock(Protocol):
    """What the drill needs of a lock: the hardened one, and the naive twin."""

    def acquire(self) -> tuple[Token, object]:
        """The token, and what is released. Raises `ConflictError` if another holds it."""
        ...

    def accept(self, held: Any, token: Token) -> None:
        """Write what the lock protects. Raises `ConflictError` if the resource refuses."""
        ...

    def release(self, held: Any) -> bool:
        """Whether it was released."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Locks:
    """Implements `Subject`."""

    name: str
    make: Callable[[Endpoints], Lock]
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> LocksSession:
        """A client of its own."""
        return LocksSession(self.make(endpoints))


class LocksSession:
    """One client, with the lock that it believes to have. It looks at no clock: it is the kind that comes too late."""

    def __init__(self, lock: Lock) -> None:
        self._lock = lock
        self._held: tuple[Token, object] | None = None

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation; each answers the token that it is about."""
        held = self._held
        if op.name == "acquire":
            self._held = None
        elif held is None:
            return Answer(outcome="fail", error="it has no lock")
        try:
            return self._apply(op)
        except ConflictError as error:
            return Answer(outcome="fail", error=f"{type(error).__name__}: {error.cause}")
        except StateError as error:
            answer = answer_to(error)
            output: Json = {"token": [*held[0]]} if op.name == "release" and held is not None else None
            return Answer(outcome=answer.outcome, error=answer.error, output=output)

    def _apply(self, op: Invocation) -> Json:
        if op.name == "acquire":
            self._held = self._lock.acquire()
            return {"token": [*self._held[0]], "ttl_ms": TTL_MS}
        if self._held is None or op.name not in OPERATIONS:
            raise UsageError.unknown("operation on locks", op.name, OPERATIONS)
        token, held = self._held
        if op.name == "accept":
            self._lock.accept(held, token)
        else:
            self._held = None
            self._lock.release(held)
        return {"token": [*token]}

    def close(self) -> None:
        """Close the lock."""
        self._lock.close()


class HardenedLock:
    """Implements `Lock` by the state layer."""

    def __init__(self, endpoints: Endpoints, without: Without, *, asyncio: bool) -> None:
        settings = settings_of(endpoints)
        ttl_s = TTL_MS / 1000
        self._redis = hardened(endpoints, asyncio=asyncio)
        self._lock = twin(
            self._redis,
            lambda redis: FencedLock(redis, "drill", ttl_s=ttl_s, reigns=reigns_of(settings), _without=without),
            lambda redis: AsyncFencedLock(
                redis, "drill", ttl_s=ttl_s, reigns=async_reigns_of(settings), _without=without
            ),
        )
        self._resource = twin(self._redis, FencedResource, AsyncFencedResource, "drill", _without=without)

    def acquire(self) -> tuple[Token, object]:
        """As `Lock.acquire`."""
        held = self._lock.acquire(within_s=WITHIN_S)
        return [*held.token], held

    def accept(self, held: Held, token: Token) -> None:
        """As `Lock.accept`."""
        self._resource.write(held.token, str(token), within_s=WITHIN_S)

    def release(self, held: Held) -> bool:
        """As `Lock.release`."""
        return self._lock.release(held, within_s=WITHIN_S)

    def close(self) -> None:
        """As `Lock.close`."""
        self._redis.close()


def locks(*, asyncio: bool = False, _without: Without = NONE) -> Locks:
    """The fenced lock of the state layer, and its resource in the same Redis."""
    return Locks(
        name=f"state layer, fenced lock{lacking(_without, asyncio=asyncio)}",
        make=lambda endpoints: HardenedLock(endpoints, _without, asyncio=asyncio),
    )
