"""The control of a proxy engine: the calls that topologies and faults make, whatever engine answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.proxy.toxics import Toxic


@dataclass(frozen=True, slots=True, kw_only=True)
class ToxicState:
    """A toxic in force, as the engine reports it."""

    name: str
    type: str
    stream: str
    toxicity: float
    attributes: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyState:
    """A proxy as the engine reports it; addresses are `host:port`."""

    name: str
    listen: str
    upstream: str
    enabled: bool
    toxics: tuple[ToxicState, ...] = ()


class Control(Protocol):
    """A proxy engine's control. Every call ends within a deadline and raises `ControlError` if it failed.

    After a `ControlError` about a deadline a change may or may not be in force: ask `proxies()`.
    """

    def version(self) -> str:
        """The engine's version, such as `2.12.0`."""
        ...

    def proxies(self) -> dict[str, ProxyState]:
        """All proxies by name, with their toxics."""
        ...

    def create(self, name: str, listen: str, upstream: str) -> None:
        """Add an enabled proxy; addresses are `host:port`. A name that exists is an error."""
        ...

    def delete(self, name: str) -> None:
        """Remove a proxy; its connections end."""
        ...

    def enable(self, name: str) -> None:
        """Let a proxy listen again. Idempotent."""
        ...

    def disable(self, name: str) -> None:
        """Refuse new connections and end those that are open, by FIN. Idempotent."""
        ...

    def set_upstream(self, name: str, upstream: str) -> None:
        """Lead new connections to `upstream` (`host:port`); open ones end if that is a change."""
        ...

    def add_toxic(self, proxy: str, toxic: Toxic, *, name: str, toxicity: float = 1.0) -> None:
        """Put a toxic in force on a proxy; `toxicity` is the share of connections, drawn once for each."""
        ...

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Take a toxic away. One that is not there is an error."""
        ...

    def reset(self) -> None:
        """Enable all proxies and take all toxics away."""
        ...

    def close(self) -> None:
        """Make every later call an error. The engine itself goes on. Idempotent."""
        ...
