"""`TradingStore`: what a trading system keeps of its users and exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.asks import Confirm
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.trading import positions, profile, status
from pytest_arbredis.state.trading.position import HARDENINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_arbredis.state.connections.running import Runs
    from pytest_arbredis.state.json_value import Json
    from pytest_arbredis.state.trading.position import Position, Side
    from pytest_arbredis.state.trading.status import Status


class TradingStore:
    """Status, settings, preferences, statistics and positions of users; defaults and users of exchanges.

    With `wait_replicas` every save and close of a position waits until so many replicas have it, at most `wait_ms`, or
    raises `NotConfirmedError`: it is done then, and a failover may lose it.

    Every method takes `within_s`, its total time in seconds; what each promises is said where its plan is.
    """

    __slots__ = ("_confirm", "_redis", "_without")

    def __init__(self, redis: Runs, *, wait_replicas: int = 0, wait_ms: int = 500, _without: Without = NONE) -> None:
        self._redis = redis
        self._without = require_known(_without, HARDENINGS)
        waits = wait_replicas and "wait-replicas" not in _without
        self._confirm = Confirm(wait_replicas, wait_ms) if waits else None

    def set_status(self, user_id: str, status_: Status, *, within_s: float | None = None) -> None:
        """As `status.write`."""
        self._redis.run(status.write(user_id, status_), kind=Kind.FAST, within_s=within_s)

    def get_status(self, user_id: str, *, within_s: float | None = None) -> Status | None:
        """As `status.read`."""
        return self._redis.run(status.read(user_id), kind=Kind.FAST, within_s=within_s)

    def move_status(self, user_id: str, *, expected: Status | None, to: Status, within_s: float | None = None) -> None:
        """As `status.move`."""
        self._redis.run(status.move(user_id, expected=expected, to=to), kind=Kind.FAST, within_s=within_s)

    def set_settings(
        self, user_id: str, settings: Mapping[str, Json], *, ttl_s: float | None = None, within_s: float | None = None
    ) -> None:
        """As `profile.write_settings`."""
        self._redis.run(profile.write_settings(user_id, settings, ttl_s=ttl_s), kind=Kind.FAST, within_s=within_s)

    def get_settings(self, user_id: str, *, within_s: float | None = None) -> dict[str, Json] | None:
        """As `profile.read_settings`."""
        return self._redis.run(profile.read_settings(user_id), kind=Kind.FAST, within_s=within_s)

    def set_preferences(self, user_id: str, preferences: Mapping[str, Json], *, within_s: float | None = None) -> None:
        """As `profile.write_preferences`."""
        self._redis.run(profile.write_preferences(user_id, preferences), kind=Kind.PIPELINE, within_s=within_s)

    def get_preferences(self, user_id: str, *, within_s: float | None = None) -> dict[str, Json]:
        """As `profile.read_preferences`."""
        return self._redis.run(profile.read_preferences(user_id), kind=Kind.NORMAL, within_s=within_s)

    def count(self, user_id: str, name: str, amount: int = 1, *, within_s: float | None = None) -> int:
        """As `profile.count`."""
        return self._redis.run(profile.count(user_id, name, amount), kind=Kind.FAST, within_s=within_s)

    def get_stats(self, user_id: str, *, within_s: float | None = None) -> dict[str, int]:
        """As `profile.read_stats`."""
        return self._redis.run(profile.read_stats(user_id), kind=Kind.NORMAL, within_s=within_s)

    def save_position(self, user_id: str, position: Position, *, within_s: float | None = None) -> Position:
        """As `positions.save`."""
        plan = positions.save(user_id, position, confirm=self._confirm, without=self._without)
        return self._redis.run(plan, kind=Kind.PIPELINE, within_s=within_s)

    def load_position(self, user_id: str, symbol: str, side: Side, *, within_s: float | None = None) -> Position | None:
        """As `positions.load`."""
        plan = positions.load(user_id, symbol, side, without=self._without)
        return self._redis.run(plan, kind=Kind.NORMAL, within_s=within_s)

    def change_position(
        self,
        user_id: str,
        symbol: str,
        side: Side,
        how: Callable[[Position | None], Position],
        *,
        within_s: float | None = None,
    ) -> Position:
        """As `positions.change`."""
        plan = positions.change(user_id, symbol, side, how, confirm=self._confirm, without=self._without)
        return self._redis.run(plan, kind=Kind.PIPELINE, within_s=within_s)

    def close_position(self, user_id: str, position: Position, *, within_s: float | None = None) -> None:
        """As `positions.close`."""
        self._redis.run(
            positions.close(user_id, position, confirm=self._confirm), kind=Kind.PIPELINE, within_s=within_s
        )

    def set_default_settings(
        self, exchange: str, settings: Mapping[str, Json], *, within_s: float | None = None
    ) -> None:
        """As `profile.write_default_settings`."""
        self._redis.run(profile.write_default_settings(exchange, settings), kind=Kind.PIPELINE, within_s=within_s)

    def get_default_settings(self, exchange: str, *, within_s: float | None = None) -> dict[str, Json]:
        """As `profile.read_default_settings`."""
        return self._redis.run(profile.read_default_settings(exchange), kind=Kind.NORMAL, within_s=within_s)

    def add_users(self, exchange: str, user_ids: Iterable[str], *, within_s: float | None = None) -> int:
        """As `profile.add_users`."""
        return self._redis.run(profile.add_users(exchange, user_ids), kind=Kind.FAST, within_s=within_s)

    def remove_users(self, exchange: str, user_ids: Iterable[str], *, within_s: float | None = None) -> int:
        """As `profile.remove_users`."""
        return self._redis.run(profile.remove_users(exchange, user_ids), kind=Kind.FAST, within_s=within_s)

    def get_users(self, exchange: str, *, within_s: float | None = None) -> frozenset[str]:
        """As `profile.read_users`."""
        return self._redis.run(profile.read_users(exchange), kind=Kind.NORMAL, within_s=within_s)

    def set_item(
        self, exchange: str, user_id: str, path: tuple[str, ...], value: Json, *, within_s: float | None = None
    ) -> None:
        """As `profile.write_item`."""
        self._redis.run(profile.write_item(exchange, user_id, path, value), kind=Kind.FAST, within_s=within_s)

    def get_item(self, exchange: str, user_id: str, path: tuple[str, ...], *, within_s: float | None = None) -> Json:
        """As `profile.read_item`."""
        return self._redis.run(profile.read_item(exchange, user_id, path), kind=Kind.FAST, within_s=within_s)
