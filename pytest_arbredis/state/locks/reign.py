"""Whose reign it is: the epoch of the last failover, as Sentinels know it, and the server that it made primary.

A counter in Redis goes back when a failover loses it; Sentinel's configuration epoch never does. The epoch belongs to
one server, by its run id: an old primary that does not know better must not give tokens of a new reign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from pytest_arbredis.state.deadline import expires_ns, remaining_s
from pytest_arbredis.state.errors import UnavailableError, UnknownPrimaryError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.state.connections.backend import Backend
    from pytest_arbredis.state.connections.settings import Settings


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
    """Asks every Sentinel that answers in time, and believes the highest epoch; thread-safe, no connection is kept.

    Each has `sentinel_timeout_s`, and all of them what a `deadline` around leaves.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def present(self) -> Reign:
        """As `Reigns.present`."""
        from pytest_arbredis.state.connections.backend import finish
        from pytest_arbredis.state.connections.blocking import BlockingBackend
        from pytest_arbredis.state.connections.tls import Contexts

        return finish(_told(BlockingBackend(Contexts(None)), self._settings))


class AsyncSentinelReigns:
    """As `SentinelReigns`, for asyncio."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def present(self) -> Reign:
        """As `SentinelReigns.present`."""
        from pytest_arbredis.state.connections.suspending import AsyncioBackend
        from pytest_arbredis.state.connections.tls import Contexts

        return await _told(AsyncioBackend(Contexts(None)), self._settings)


async def _told(backend: Backend, settings: Settings) -> Reign:
    from pytest_arbredis.state.connections.discovery import ask_sentinel

    found: list[Reign] = []
    for sentinel in settings.sentinels:
        until_ns = expires_ns(settings.sentinel_timeout_s)
        remaining_s(until_ns, doing="asking the Sentinels for the epoch")
        try:
            found += _reign(await ask_sentinel(backend, settings, sentinel, "MASTER", until_ns))
        except UnavailableError:
            continue
    return _highest(found, settings)


def reigns_of(settings: Settings) -> Reigns:
    """What knows the reign where these settings lead."""
    return SentinelReigns(settings) if settings.sentinels else OneReign()


def async_reigns_of(settings: Settings) -> AsyncReigns:
    """As `reigns_of`, for asyncio."""
    return AsyncSentinelReigns(settings) if settings.sentinels else AsyncOneReign()


def _reign(reply: Any) -> Iterable[Reign]:
    """The reign in SENTINEL MASTER's reply; none while the Sentinel does not know the primary's run id yet.

    None either while it leads a failover: it has taken the new epoch then, and still tells the old primary's run id.
    """
    words = [part.decode() if isinstance(part, bytes) else str(part) for part in _flat(reply)]
    told = dict(zip(words[::2], words[1::2], strict=False))
    run_id = "" if "failover_in_progress" in told.get("flags", "").split(",") else told.get("runid", "")
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
