"""A control that accepts every change and makes none: what faults on it claim must come out as not observed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.proxy.control import Control, ProxyState
    from pytest_arbredis.proxy.toxics import Toxic


class NullControl:
    """Reads from the real control; every change returns as if it were made."""

    def __init__(self, real: Control) -> None:
        self._real = real

    def version(self) -> str:
        """The real engine's version."""
        return self._real.version()

    def proxies(self) -> dict[str, ProxyState]:
        """The real engine's proxies."""
        return self._real.proxies()

    def create(self, name: str, listen: str, upstream: str) -> None:
        """Nothing."""

    def delete(self, name: str) -> None:
        """Nothing."""

    def enable(self, name: str) -> None:
        """Nothing."""

    def disable(self, name: str) -> None:
        """Nothing."""

    def set_upstream(self, name: str, upstream: str) -> None:
        """Nothing."""

    def add_toxic(self, proxy: str, toxic: Toxic, *, name: str, toxicity: float = 1.0) -> None:
        """Nothing."""

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Nothing."""

    def reset(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing: the real control belongs to whoever made it."""
