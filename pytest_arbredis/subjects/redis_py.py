"""redis-py as a subject, by each way of constructing its client: the construction decides what is sent again.

Each keeps the retries that redis-py gives that construction. Added are only a connection class that counts sends, and a
socket time-out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.subjects.redis_py_asyncio import RedisAsyncioSession
    from pytest_arbredis.subjects.redis_py_session import RedisPySession

Construction = Literal["Sentinel.master_for", "Redis(host, port)", "from_url", "ConnectionPool"]

SOCKET_TIMEOUT_S = 1.0
"""Long enough for a replica's confirmation, short enough that a stalled node is left within a test."""


OPERATIONS = frozenset({"write", "read", "increment", "SET", "GET", "PUBLISH", "PING"})
"""Those of `redis_py_operations`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPy:
    """One of redis-py's clients; `retries` is None for the library's default of that construction.

    With `asyncio` it is that of `redis.asyncio`, in an event loop of its own; an operation that is not done after
    `deadline_s`, retries included, is cancelled (None: never).

    `sentinel_retries` is how often a Sentinel that does not answer is asked again (None: redis-py's default, ten times
    with a growing pause: a dead one holds up the discovery of the primary for seconds).

    With `wait_replicas` every write and increment is followed by `WAIT wait_replicas wait_ms` on its own connection. It
    is answered with how many replicas confirmed; if WAIT itself fails, the write is applied and nobody confirmed it.
    """

    construction: Construction
    wait_replicas: int = 0
    wait_ms: int = 500
    socket_timeout_s: float = SOCKET_TIMEOUT_S
    retries: int | None = None
    sentinel_retries: int | None = None
    asyncio: bool = False
    deadline_s: float | None = None

    def __post_init__(self) -> None:
        if self.deadline_s is not None and not (self.asyncio and self.deadline_s > 0):
            raise UsageError(
                f"deadline_s is {self.deadline_s!r} and asyncio is {self.asyncio!r}",
                remedy="give seconds above 0, to asyncio only: a thread cannot be cancelled",
            )
        if self.socket_timeout_s <= 0:
            raise UsageError(f"socket_timeout_s is {self.socket_timeout_s!r}", remedy="give seconds above 0")
        if self.wait_replicas < 0 or min(self.retries or 0, self.sentinel_retries or 0) < 0:
            raise UsageError(
                f"wait_replicas is {self.wait_replicas!r}, retries is {self.retries!r}, "
                f"sentinel_retries is {self.sentinel_retries!r}",
                remedy="give 0 or more",
            )
        if self.wait_replicas and not 0 < self.wait_ms < self.socket_timeout_s * 1000:
            raise UsageError(
                f"wait_ms is {self.wait_ms!r}, socket_timeout_s is {self.socket_timeout_s!r}",
                remedy="WAIT must end above 0 ms (0 blocks for ever) and before the socket's time-out",
            )

    @property
    def confirms(self) -> bool:
        """Its writes say how many replicas confirmed them."""
        return self.wait_replicas > 0

    @property
    def says_fail(self) -> bool:
        """It counts what it sends, so an error can be certain."""
        return True

    @property
    def operations(self) -> frozenset[str]:
        """What its sessions can apply."""
        return OPERATIONS

    @property
    def topologies(self) -> frozenset[str] | None:
        """A client of Sentinels needs some; the others can do with any."""
        return frozenset({"sentinel"}) if self.construction == "Sentinel.master_for" else None

    @property
    def name(self) -> str:
        """Version and construction, e.g. `redis-py 8.1.0 Sentinel.master_for, WAIT 2`."""
        wait = f", WAIT {self.wait_replicas}" if self.wait_replicas else ""
        retries = "" if self.retries is None else f", {self.retries} retries"
        asked = "" if self.sentinel_retries is None else f", {self.sentinel_retries} retries of Sentinels"
        loop = "asyncio " if self.asyncio else ""
        ends = "" if self.deadline_s is None else f", deadline {self.deadline_s:g} s"
        return f"redis-py {version('redis')} {loop}{self.construction}{wait}{retries}{asked}{ends}"

    def open(self, endpoints: Endpoints) -> RedisPySession | RedisAsyncioSession:
        """A client of its own, connected."""
        if self.asyncio:
            from pytest_arbredis.subjects.redis_py_asyncio import RedisAsyncioSession

            return RedisAsyncioSession(self, endpoints)
        from pytest_arbredis.subjects.redis_py_session import RedisPySession

        return RedisPySession(self, endpoints)


def sentinel(
    wait_replicas: int = 0,
    wait_ms: int = 500,
    socket_timeout_s: float = SOCKET_TIMEOUT_S,
    retries: int | None = None,
    sentinel_retries: int | None = None,
) -> RedisPy:
    """`Sentinel(sentinels).master_for(name)`; not repeated by default."""
    return RedisPy(
        construction="Sentinel.master_for",
        wait_replicas=wait_replicas,
        wait_ms=wait_ms,
        socket_timeout_s=socket_timeout_s,
        retries=retries,
        sentinel_retries=sentinel_retries,
    )


def direct(socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None) -> RedisPy:
    """`redis.Redis(host, port)`; repeated by default: ten times by redis-py 8, three by 6 and 7, not by 5."""
    return RedisPy(construction="Redis(host, port)", socket_timeout_s=socket_timeout_s, retries=retries)


def from_url(socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None) -> RedisPy:
    """`redis.from_url(url)`; not repeated by default."""
    return RedisPy(construction="from_url", socket_timeout_s=socket_timeout_s, retries=retries)


def pool(socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None) -> RedisPy:
    """`redis.Redis(connection_pool=ConnectionPool(host, port))`; not repeated by default."""
    return RedisPy(construction="ConnectionPool", socket_timeout_s=socket_timeout_s, retries=retries)


def async_sentinel(
    wait_replicas: int = 0,
    wait_ms: int = 500,
    *,
    socket_timeout_s: float = SOCKET_TIMEOUT_S,
    retries: int | None = None,
    sentinel_retries: int | None = None,
    deadline_s: float | None = None,
) -> RedisPy:
    """`redis.asyncio.Sentinel(sentinels).master_for(name)`; not repeated by default."""
    same = sentinel(wait_replicas, wait_ms, socket_timeout_s, retries, sentinel_retries)
    return replace(same, asyncio=True, deadline_s=deadline_s)


def async_direct(
    socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None, *, deadline_s: float | None = None
) -> RedisPy:
    """`redis.asyncio.Redis(host, port)`; repeated by default as that of threads is."""
    return replace(direct(socket_timeout_s, retries), asyncio=True, deadline_s=deadline_s)


def async_from_url(
    socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None, *, deadline_s: float | None = None
) -> RedisPy:
    """`redis.asyncio.from_url(url)`; not repeated by default."""
    return replace(from_url(socket_timeout_s, retries), asyncio=True, deadline_s=deadline_s)


def async_pool(
    socket_timeout_s: float = SOCKET_TIMEOUT_S, retries: int | None = None, *, deadline_s: float | None = None
) -> RedisPy:
    """`redis.asyncio.Redis(connection_pool=ConnectionPool(host, port))`; not repeated by default."""
    return replace(pool(socket_timeout_s, retries), asyncio=True, deadline_s=deadline_s)
