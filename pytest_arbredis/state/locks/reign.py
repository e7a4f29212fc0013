"""Whose reign it is: the epoch of the last failover, as Sentinels know it, and the server that it made primary.

A counter in Redis goes back when a failover loses it; Sentinel's configuration epoch never does. The epoch belongs to
one server, by its run id: an old primary that does not know better must not give tokens of a new reign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_arbredis.state.errors import UnknownPrimaryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.state.connections.settings import Address, Settings


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Reign:
    """The configuration epoch, and the run id of the primary that it belongs to (empty: any)."""

    epoch: int = 0
    run_id: str = ""


class Reigns(Protocol):
    """Knows the present reign."""

    def present(self) -> Reign:
        """Raises `UnknownPrimaryError`."""
        ...


class AsyncReigns(Protocol):
    """As `Reigns`, for asyncio."""

    async def present(self) -> Reign:
        """Raises `UnknownPrimaryError`."""
        ...


class OneReign:
    """Without Sentinels nobody is promoted: one epoch for ever. A Redis that forgets at a restart breaks it."""

    def present(self) -> Reign:
        """Epoch 0, whatever server it is."""
        return Reign()


class AsyncOneReign:
    """As `OneReign`, for asyncio."""

    async def present(self) -> Reign:
        """As `OneReign.present`."""
        return Reign()


class SentinelReigns:
    """Asks every Sentinel that answers in time, and believes the highest epoch; thread-safe, no connection is kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def present(self) -> Reign:
        """As `Reigns.present`."""
        import redis

        found: list[Reign] = []
        for address in self._settings.sentinels:
            client = redis.Redis(**_options(self._settings, address), retry=_no_retry(redis))
            try:
                found += _reign(client.execute_command("SENTINEL", "MASTER", self._settings.master_name))
            except (redis.RedisError, OSError):
                continue
            finally:
                client.close()
        return _highest(found, self._settings)


class AsyncSentinelReigns:
    """As `SentinelReigns`, for asyncio."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def present(self) -> Reign:
        """As `SentinelReigns.present`."""
        import redis
        import redis.asyncio

        found: list[Reign] = []
        for address in self._settings.sentinels:
            client = redis.asyncio.Redis(**_options(self._settings, address), retry=_no_retry_async())
            try:
                found += _reign(await client.execute_command("SENTINEL", "MASTER", self._settings.master_name))
            except (redis.RedisError, OSError):
                continue
            finally:
                await client.aclose()
        return _highest(found, self._settings)


def reigns_of(settings: Settings) -> Reigns:
    """What knows the reign where these settings lead."""
    return SentinelReigns(settings) if settings.sentinels else OneReign()


def async_reigns_of(settings: Settings) -> AsyncReigns:
    """As `reigns_of`, for asyncio."""
    return AsyncSentinelReigns(settings) if settings.sentinels else AsyncOneReign()


def _no_retry(redis: Any) -> Any:
    return redis.retry.Retry(redis.backoff.NoBackoff(), 0)


def _no_retry_async() -> Any:
    import redis.asyncio.retry
    import redis.backoff

    return redis.asyncio.retry.Retry(redis.backoff.NoBackoff(), 0)


def _options(settings: Settings, address: Address) -> dict[str, Any]:
    timeout_s = settings.sentinel_timeout_s
    options: dict[str, Any] = {
        "host": address[0],
        "port": address[1],
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "protocol": 2,
    }
    if settings.tls:
        options |= {"ssl": True, "ssl_ca_certs": settings.tls_ca_file}
    return options


def _reign(reply: Any) -> Iterable[Reign]:
    """The reign in SENTINEL MASTER's reply; none while the Sentinel does not know the primary's run id yet."""
    words = [part.decode() if isinstance(part, bytes) else str(part) for part in _flat(reply)]
    told = dict(zip(words[::2], words[1::2], strict=False))
    run_id = told.get("runid", "")
    return [Reign(epoch=int(told["config-epoch"]), run_id=run_id)] if run_id and "config-epoch" in told else []


def _flat(reply: Any) -> list[Any]:
    return [part for pair in reply.items() for part in pair] if isinstance(reply, dict) else list(reply)


def _highest(found: list[Reign], settings: Settings) -> Reign:
    if not found:
        raise UnknownPrimaryError(
            f"none of {len(settings.sentinels)} Sentinels told the epoch and the primary of {settings.master_name}",
            remedy="try again: a failover is going on, or the Sentinels are away",
        )
    return max(found)
