"""Physics states and snapshots as design 4 has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.engine import SNAPSHOT_TTL_S, WITHIN_S, as_number, as_value
from pytest_arbredis.subjects.state.pieces import Pieces, part_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints


class NaiveEngineStore:
    """Plain redis-py."""

    def __init__(self, client: redis.Redis, *, snapshot_ttl_s: float = 60.0) -> None:
        self.redis: Any = client
        self._ttl_ms = int(snapshot_ttl_s * 1000)

    def save_physics(self, symbol: str, state: Mapping[str, Any]) -> None:
        """state-layer.md §4: `physics:state:{SYMBOL}` JSON, no TTL."""
        self.redis.set(f"physics:state:{symbol}", orjson.dumps(state))

    def load_physics(self, symbol: str) -> Any:
        """state-layer.md §4: the same, read."""
        found = self.redis.get(f"physics:state:{symbol}")
        return None if found is None else orjson.loads(found)

    def put_snapshot(self, symbol: str, fields: Mapping[str, float]) -> None:
        """state-layer.md §4: `market:snapshot:{SYMBOL}` Hash (price, volume, bid, ask, timestamp), TTL 60 s."""
        self.redis.hset(f"market:snapshot:{symbol}", mapping=dict(fields))
        self.redis.pexpire(f"market:snapshot:{symbol}", self._ttl_ms)

    def get_snapshot(self, symbol: str) -> dict[str, float]:
        """state-layer.md §4: the same, read."""
        found = self.redis.hgetall(f"market:snapshot:{symbol}")
        return {name.decode(): float(value) for name, value in found.items()}


class NaiveSnapshots:
    """Implements `Piece`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._store = NaiveEngineStore(plain(endpoints, timeout_s=WITHIN_S), snapshot_ttl_s=SNAPSHOT_TTL_S)

    def change(self, key: str, value: str) -> None:
        """Put a snapshot."""
        number = as_number(value)
        fields = {"price": number, "volume": 1.0, "bid": number, "ask": number, "timestamp": 0.0}
        self._store.put_snapshot(part_of(key).upper(), fields)

    def read(self, key: str) -> Json:
        """The value of the snapshot, or None."""
        found = self._store.get_snapshot(part_of(key).upper())
        return as_value(found["price"]) if found else None

    def close(self) -> None:
        """As `Piece.close`."""
        self._store.redis.close()


class NaivePhysics:
    """Implements `Piece`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._store = NaiveEngineStore(plain(endpoints, timeout_s=WITHIN_S))

    def change(self, key: str, value: str) -> None:
        """Save a state."""
        self._store.save_physics(part_of(key).upper(), {"mass": 1.0, "regime": value})

    def read(self, key: str) -> Json:
        """The regime, or None."""
        found = self._store.load_physics(part_of(key).upper())
        return None if found is None else found["regime"]

    def close(self) -> None:
        """As `Piece.close`."""
        self._store.redis.close()


def snapshots() -> Pieces:
    """Snapshots, HSET and then EXPIRE, given as they come."""
    return Pieces(name="snapshots as design 4 has them", make=NaiveSnapshots)


def physics() -> Pieces:
    """Physics states on whatever server there is."""
    return Pieces(name="physics states as design 4 has them", make=NaivePhysics)
