"""A cache before a database, as registers: a write goes to the database, a read through the cache.

The clients of one load share a database, in memory, that takes its time to answer; by twos or more they share a cache,
as threads of one process do, and so there are several processes. Every load is noted in the history.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakValueDictionary

from pytest_arbredis.errors import UsageError
from pytest_arbredis.state.cache.cache import Cache
from pytest_arbredis.state.cache.policy import CachePolicy
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import ACCOUNT
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.pieces import part_of
from pytest_arbredis.subjects.state.refusals import answer_to

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation

REDIS_WITHIN_S = 1.0
WARMERS: Final = 8
"""Threads that fill a warm cache: the faster, the more of it expires at one time."""
OPERATIONS: Final = frozenset({"write", "read"})


class Caching(Protocol):
    """One process's cache: the hardened one, and the naive twin's."""

    def get(self, key: str, load: Callable[[], Json]) -> Json:
        """The value of `key`, from Redis or by `load`."""
        ...

    def write(self, key: str, store: Callable[[], None]) -> None:
        """Write by `store`, then invalidate."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caches:
    """Implements `Subject`. `load_s`: how long the database takes to answer; `processes`: how many caches there are.

    `warm` registers are in the cache before the load begins, all since the same moment.
    """

    name: str
    make: Callable[[Endpoints], Caching]
    load_s: float
    processes: int = 4
    warm: int = 0
    operations: frozenset[str] = OPERATIONS

    def open(self, endpoints: Endpoints) -> CacheSession:
        """One more client of what all clients with these endpoints share."""
        with _opening:
            world = _worlds.get(id(endpoints))
            if world is None:
                world = _worlds[id(endpoints)] = World(endpoints, self)
            return world.client()


class World:
    """The database of one load, and the caches of its processes."""

    def __init__(self, endpoints: Endpoints, subject: Caches) -> None:
        self.endpoints = endpoints  # held, so that nobody else's have the same id
        self.rows: dict[str, Json] = {}
        self.load_s = subject.load_s
        self._subject = subject
        self._caches: list[Caching] = []
        self._clients = 0
        self._open = 0

    def client(self) -> CacheSession:
        """One more client, of the process whose turn it is."""
        if not self._caches:
            self._warm_up()
        if len(self._caches) < self._subject.processes:
            self._caches.append(self._subject.make(self.endpoints))
        cache = self._caches[self._clients % self._subject.processes]
        self._clients += 1
        self._open += 1
        return CacheSession(self, cache)

    def _warm_up(self) -> None:
        """Have what was asked for cached."""
        if self._subject.warm:
            cache = self._subject.make(self.endpoints)
            with ThreadPoolExecutor(WARMERS) as pool:
                keys = [cached_key(f"register:{number}") for number in range(self._subject.warm)]
                list(pool.map(lambda key: cache.get(key, lambda: None), keys))
            cache.close()

    def left(self) -> None:
        """A client has gone; the last one closes all caches."""
        with _opening:
            self._open -= 1
            if not self._open:
                for cache in self._caches:
                    cache.close()


_worlds: WeakValueDictionary[int, World] = WeakValueDictionary()
_opening = threading.Lock()


class CacheSession:
    """One client. Implements `Reports`: it notes its loads."""

    def __init__(self, world: World, cache: Caching) -> None:
        self._world = world
        self._cache = cache
        self._note: Callable[[dict[str, Json]], None] = lambda _: None

    def report_to(self, note: Callable[[dict[str, Json]], None]) -> None:
        """As `Reports.report_to`."""
        self._note = note

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation."""
        key = cached_key(op.key)
        try:
            if op.name == "read":
                return self._cache.get(key, lambda: self._load(op.key))
            if op.name == "write":
                self._cache.write(key, lambda: self._world.rows.__setitem__(op.key, op.input))
                return "OK"
        except StateError as error:
            return answer_to(error)
        raise UsageError.unknown("operation", op.name, sorted(OPERATIONS))

    def _load(self, key: str) -> Json:
        """What the database has at the begin; the answer takes its time."""
        began_ns = time.monotonic_ns()
        value = self._world.rows.get(key)
        time.sleep(self._world.load_s)
        self._note({"kind": "load", "key": key, "began_ns": began_ns, "ended_ns": time.monotonic_ns()})
        return value

    def close(self) -> None:
        """Leave."""
        self._world.left()


def cached_key(key: str) -> str:
    """The key of the layer for one of the workload: by its last two parts, which are the same in every run."""
    return ACCOUNT.key(account_id=part_of(":".join(key.split(":")[-2:])))


class HardenedCache:
    """Implements `Caching`."""

    def __init__(self, endpoints: Endpoints, policy: CachePolicy, *, without: Without) -> None:
        self._redis = hardened(endpoints, keeps_state=False)
        self._cache = Cache(self._redis, policy, _without=without)

    def get(self, key: str, load: Callable[[], Json]) -> Json:
        """As `Cache.get_with_fallback`."""
        found: Json = self._cache.get_with_fallback(key, load)
        return found

    def write(self, key: str, store: Callable[[], None]) -> None:
        """As `Cache.write`."""
        self._cache.write(key, store)

    def close(self) -> None:
        """As `Caching.close`."""
        self._redis.close()


def caches(
    *,
    ttl_s: float,
    load_s: float,
    jitter: float = 0.1,
    warm: int = 0,
    redis_within_s: float = REDIS_WITHIN_S,
    _without: Without = NONE,
) -> Caches:
    """The cache of the state layer."""
    policy = CachePolicy(ttl_s=ttl_s, jitter=jitter, redis_within_s=redis_within_s)
    return Caches(
        name=f"state layer, cache{lacking(_without)}",
        make=lambda endpoints: HardenedCache(endpoints, policy, without=_without),
        load_s=load_s,
        warm=warm,
    )
