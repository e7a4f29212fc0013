"""What all readers and writers of one cache share: its policy, loads under way, invalidations that are owed."""

from __future__ import annotations

import random  # noqa: TC003 - dataclass fields are resolved at run time
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.clock import NS_PER_S, Clock
from pytest_arbredis.state.errors import KeyRefusedError, MisuseError
from pytest_arbredis.state.hardenings import Without  # noqa: TC001 - as above
from pytest_arbredis.state.keyspace.patterns import pattern_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.state.cache.flights import Flights
    from pytest_arbredis.state.cache.policy import CachePolicy
    from pytest_arbredis.state.keyspace.pattern import KeyPattern

MOST_OWED: Final = 10_000
"""Keys of invalidations that are remembered; beyond that the TTL must do."""

Held = dict[tuple[str, str], int]
"""Leases, by key and token, and when each ends by itself."""


@dataclass(slots=True, kw_only=True)
class Desk:
    """Shared by threads; each of its methods is short and asks nothing of Redis."""

    policy: CachePolicy
    flights: Flights
    chance: random.Random
    clock: Clock
    without: Without
    misses: int = 0
    """How often Redis said nothing, and the database was asked instead."""
    _owed: set[str] = field(default_factory=set)
    _repeated: list[frozenset[str]] = field(default_factory=list)
    _held: Held = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def lease_ms(self) -> int:
        """How long a lease lives."""
        return int(self.policy.lease_s * 1000)

    def ttl_ms(self, key: str) -> int:
        """How long the next value of `key` lives: at most its TTL, less what chance takes away."""
        ttl_s = ttl_of(key, self.policy)
        share = 0.0 if "jitter" in self.without else self.policy.jitter * self.chance.random()
        return max(1, int(ttl_s * (1 - share) * 1000))

    def missed(self) -> None:
        """Redis said nothing."""
        with self._lock:
            self.misses += 1

    def owe(self, keys: Iterable[str]) -> None:
        """Remember invalidations that failed."""
        with self._lock:
            self._owed.update(list(keys)[: MOST_OWED - len(self._owed)])

    def hold(self, key: str, token: str) -> None:
        """Remember a lease that Redis may still know, though nobody loads with it any more."""
        with self._lock:
            if len(self._held) < MOST_OWED:
                self._held[key, token] = self.clock.monotonic_ns() + int(self.policy.lease_s * NS_PER_S)

    def hold_again(self, leases: Held) -> None:
        """Remember leases that could not be given back either."""
        with self._lock:
            self._held.update(leases)

    def take_held(self) -> Held:
        """The leases that were remembered and have not ended: the caller gives them back, or holds them again."""
        with self._lock:
            now_ns, taken = self.clock.monotonic_ns(), self._held
            self._held = {}
            return {lease: ends_ns for lease, ends_ns in taken.items() if now_ns < ends_ns}

    def owes(self, key: str) -> bool:
        """Whether Redis may still have what a write has replaced."""
        with self._lock:
            return key in self._owed or any(key in keys for keys in self._repeated)

    def take_debts(self) -> frozenset[str]:
        """The invalidations that are owed: the caller repeats them, and says so by `repeated`. Until then they are."""
        with self._lock:
            taken = frozenset(self._owed)
            if taken:
                self._repeated.append(taken)
                self._owed.clear()
            return taken

    def repeated(self, taken: frozenset[str], *, done: bool) -> None:
        """Whether Redis did what `take_debts` gave; if not, it is owed again."""
        if not done:
            self.owe(taken)
        with self._lock:
            self._repeated.remove(taken)


def ttl_of(key: str, policy: CachePolicy) -> float:
    """How long a value of `key` may live, in seconds."""
    if policy.ttl_s is not None:
        return policy.ttl_s
    ttl_s = cached_pattern(key).ttl_s
    if ttl_s is None:
        raise MisuseError(f"{key} has no TTL", remedy="a cache must forget: give CachePolicy(ttl_s=…)")
    return ttl_s


def cached_pattern(key: str) -> KeyPattern:
    """The pattern of a key that may be cached: a String of the keyspace; raises `KeyRefusedError` for others."""
    found = pattern_of(key)
    if found is None or found[0].type != "string":
        raise KeyRefusedError(f"{key[:80]!r} is no key of a cache", remedy="build it: ACCOUNT.key(account_id=…)")
    return found[0]
