"""Credentials, status and positions as design 2 has them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.credentials import FIELD, KEY, Credentials, Vaults
from pytest_arbredis.subjects.state.pieces import Pieces, part_of
from pytest_arbredis.subjects.state.positions import OPERATIONS, SYMBOL, told

if TYPE_CHECKING:
    from collections.abc import Mapping

    import redis

    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints


class NaiveTradingStore:
    """Plain redis-py, and Fernet."""

    def __init__(self, client: redis.Redis, encryption_key: str = "") -> None:
        self.redis: Any = client
        self._key = encryption_key

    def put_credentials(self, user_id: str, secrets: Mapping[str, str]) -> None:
        """state-layer.md §2: `user:{uid}:api:keys` (Hash, every value Fernet-encrypted, no TTL)."""
        from cryptography.fernet import Fernet

        fernet = Fernet(self._key)
        encrypted = {field: fernet.encrypt(text.encode()) for field, text in secrets.items()}
        self.redis.hset(f"user:{user_id}:api:keys", mapping=encrypted)

    def get_credentials(self, user_id: str) -> dict[str, str]:
        """state-layer.md §2: the same, decrypted."""
        from cryptography.fernet import Fernet

        fernet = Fernet(self._key)
        found = self.redis.hgetall(f"user:{user_id}:api:keys")
        return {field.decode(): fernet.decrypt(token).decode() for field, token in found.items()}

    def set_status(self, user_id: str, status: str) -> None:
        """state-layer.md §2: `user:{id}:trading:status` (running | stopped | error)."""
        self.redis.set(f"user:{user_id}:trading:status", status)

    def get_status(self, user_id: str) -> str | None:
        """state-layer.md §2: the same, read."""
        found = self.redis.get(f"user:{user_id}:trading:status")
        return None if found is None else found.decode()

    def set_settings(self, user_id: str, settings: Mapping[str, Any]) -> None:
        """state-layer.md §2: `user:{id}:settings` (JSON)."""
        self.redis.set(f"user:{user_id}:settings", orjson.dumps(settings))

    def get_settings(self, user_id: str) -> Any:
        """state-layer.md §2: the same, read."""
        found = self.redis.get(f"user:{user_id}:settings")
        return None if found is None else orjson.loads(found)

    def save_position(
        self, user_id: str, details: Mapping[str, Any], *, dca_count: int, price: str, state: str
    ) -> None:
        """state-layer.md §2: `user:{id}:position:{symbol}:{side}`, `:dca_count`, `:entry_price`, `:position_state`."""
        key = f"user:{user_id}:position:{SYMBOL}"
        self.redis.hset(f"{key}:long", mapping={name: orjson.dumps(value) for name, value in details.items()})
        self.redis.set(f"{key}:long:dca_count", dca_count)
        self.redis.set(f"{key}:long:entry_price", price)
        self.redis.set(f"{key}:position_state", state)

    def load_position(self, user_id: str) -> tuple[dict[str, Any], int, str, str] | None:
        """state-layer.md §2: the same, read."""
        key = f"user:{user_id}:position:{SYMBOL}"
        found = self.redis.hgetall(f"{key}:long")
        beside = [self.redis.get(f"{key}:{name}") for name in ("long:dca_count", "long:entry_price", "position_state")]
        if not found:
            return None
        dca_count, price, state = (b"0" if one is None else one for one in beside)
        details = {name.decode(): orjson.loads(value) for name, value in found.items()}
        return details, int(dca_count), price.decode(), state.decode()


class NaiveVault:
    """Implements `Vault`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._store = NaiveTradingStore(plain(endpoints), KEY)

    def put(self, user_id: str, secret: str) -> None:
        """As written."""
        self._store.put_credentials(user_id, {FIELD: secret})

    def get(self, user_id: str) -> tuple[str, str] | None:
        """As written: texts, which show themselves to every log that is given them."""
        found = self._store.get_credentials(user_id)
        return (found[FIELD], repr(found)) if FIELD in found else None

    def lies(self, user_id: str) -> bytes:
        """For the drill: what lies in Redis."""
        return b"\0".join(self._store.redis.hvals(f"user:{user_id}:api:keys"))

    def files(self) -> Path:
        """For the drill: a snapshot, uncompressed, and where the server keeps it."""
        before = self._store.redis.config_get("rdbcompression")
        self._store.redis.config_set("rdbcompression", "no")
        self._store.redis.save()
        self._store.redis.config_set("rdbcompression", before["rdbcompression"])
        return Path(self._store.redis.config_get("dir")["dir"])

    def close(self) -> None:
        """As `Vault.close`."""
        self._store.redis.close()


class NaivePositions:
    """Implements `Piece`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._store = NaiveTradingStore(plain(endpoints))

    def change(self, key: str, value: str) -> None:
        """Read, change, save."""
        found = self._store.load_position(part_of(key))
        fills = [*(found[0].get("fills", []) if found else []), value]
        count = len(fills)
        self._store.save_position(
            part_of(key), {"fills": fills}, dca_count=count, price=str(count), state=f"fills-{count}"
        )

    def read(self, key: str) -> Json:
        """All fills."""
        found = self._store.load_position(part_of(key))
        return [] if found is None else told(found[0].get("fills", []), *found[1:])

    def close(self) -> None:
        """As `Piece.close`."""
        self._store.redis.close()


def credentials() -> Vaults:
    """Credentials, encrypted in Redis and plain texts outside of it."""
    return Vaults(name="credentials as design 2 has them", make=lambda endpoints: Credentials(NaiveVault(endpoints)))


def positions(*, trusting: int = 0) -> Pieces:
    """Positions, key by key. No design has a WAIT: OK is taken as confirmed by `trusting` replicas."""
    believes = f", OK taken as confirmed by {trusting}" if trusting else ""
    return Pieces(
        name=f"positions as design 2 has them{believes}",
        make=NaivePositions,
        operations=OPERATIONS,
        confirmed_by=trusting,
    )
