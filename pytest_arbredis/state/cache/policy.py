"""How a cache goes about it, as a value; and the names of its hardenings."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from pytest_arbredis.state.errors import MisuseError

HARDENINGS: Final = frozenset({"single-flight", "lease", "jitter", "invalidate-on-write", "repeated-invalidation"})
"""`single-flight`: without it everybody who misses loads. `lease`: without it whatever was loaded is put into Redis,
however old it is by then. `jitter`: without it values loaded together expire together. `invalidate-on-write`: without
it a write leaves the old value where it is. `repeated-invalidation`: without it one that Redis did not confirm is
forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """Seconds throughout.

    - `ttl_s`: how long a value lives, counted from before it was read from the database; None: what its key's pattern
      says. `jitter` is the share of it that chance may take away, never add.
    - `lease_s`: how long a reader that missed may take to load; after that somebody else may, and what it loaded is
      not kept.
    - `redis_within_s`: what asking Redis may take before the database is asked instead.
    - `database_at_once`: loads under way at one time in this process.
    - `wait_s`: how long a reader waits for another's load of the same key, before it loads for itself.
    """

    ttl_s: float | None = None
    jitter: float = 0.1
    lease_s: float = 3.0
    redis_within_s: float = 0.25
    database_at_once: int = 8
    wait_s: float = 3.0

    def __post_init__(self) -> None:
        for name in ("ttl_s", "lease_s", "redis_within_s", "wait_s"):
            value = getattr(self, name)
            if name == "ttl_s" and value is None:
                continue
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0.001):
                raise MisuseError(f"{name}={value!r}", remedy="give seconds, 0.001 or more")
        if not (isinstance(self.jitter, int | float) and 0 <= self.jitter < 1):
            raise MisuseError(f"jitter={self.jitter!r}", remedy="give a share from 0 up to, not including, 1")
        if type(self.database_at_once) is not int or self.database_at_once < 1:
            raise MisuseError(f"database_at_once={self.database_at_once!r}", remedy="give a whole number, 1 or more")
