"""Keys that must end, as the designs have them: a write, and then its time to live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.keyspace.patterns import pattern_of
from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.lifetimes import WITHIN_S, Mortals

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints


class NaiveWriter:
    """Plain redis-py. Implements `Writer`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._redis: Any = plain(endpoints, timeout_s=WITHIN_S)

    def write(self, kind: str, key: str, value: str) -> None:
        """state-layer.md §1, §4, §5: the Hash or the JSON, then (§3) EXPIRE: two commands."""
        if kind in {"snapshot", "metric"}:
            self._redis.hset(key, mapping={"value": value})
        else:
            self._redis.set(key, f'{{"value":"{value}"}}')
        found = pattern_of(key)
        if found is not None:
            self._redis.expire(key, found[0].ttl_s)

    def ttl_ms(self, key: str) -> int:
        """As `Writer.ttl_ms`."""
        return int(self._redis.pttl(key))

    def close(self) -> None:
        """As `Writer.close`."""
        self._redis.close()


def mortals() -> Mortals:
    """Each key written, and then told to expire."""
    return Mortals(name="keys that end, by a command of their own", make=NaiveWriter)
