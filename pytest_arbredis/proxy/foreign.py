"""The control of proxies that somebody else made: reached under the names of our nodes, and never reset as a whole."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.proxy.control import Control, ProxyState
    from pytest_arbredis.proxy.toxics import Toxic

OURS = "arbredis-"
"""How the names of our toxics begin."""


class ForeignControl:
    """Proxies of `real` under other names; those that have none here are not touched and not shown.

    Without a real control there are no proxies, and every change is refused with `why`.
    """

    def __init__(self, real: Control | None, names: Mapping[str, str], *, why: str) -> None:
        self._real = real
        self._names = dict(names)
        self._why = why

    def version(self) -> str:
        """The engine's version; `none` without one."""
        return "none" if self._real is None else self._real.version()

    def proxies(self) -> dict[str, ProxyState]:
        """The proxies of our nodes, under the nodes' names."""
        if self._real is None:
            return {}
        states = self._real.proxies()
        return {
            ours: dataclasses.replace(states[theirs], name=ours)
            for ours, theirs in self._names.items()
            if theirs in states
        }

    def create(self, name: str, listen: str, upstream: str) -> None:
        """Add a proxy of our own."""
        self._engine().create(OURS + name, listen, upstream)
        self._names[name] = OURS + name

    def delete(self, name: str) -> None:
        """Remove a proxy that we created; one that was there before is refused."""
        theirs = self._name(name)
        if not theirs.startswith(OURS):
            raise UsageError(f"the proxy {theirs!r} is somebody else's", remedy="only what we created is removed")
        self._engine().delete(theirs)
        del self._names[name]

    def enable(self, name: str) -> None:
        """Let a proxy listen again."""
        self._engine().enable(self._name(name))

    def disable(self, name: str) -> None:
        """Refuse new connections and end those that are open."""
        self._engine().disable(self._name(name))

    def set_upstream(self, name: str, upstream: str) -> None:
        """Lead new connections elsewhere."""
        self._engine().set_upstream(self._name(name), upstream)

    def add_toxic(self, proxy: str, toxic: Toxic, *, name: str, toxicity: float = 1.0) -> None:
        """Put a toxic in force on a proxy."""
        self._engine().add_toxic(self._name(proxy), toxic, name=name, toxicity=toxicity)

    def remove_toxic(self, proxy: str, name: str) -> None:
        """Take a toxic away."""
        self._engine().remove_toxic(self._name(proxy), name)

    def reset(self) -> None:
        """Take our own toxics away, and let the proxies of our nodes listen; those of others stay as they are."""
        for name, state in self.proxies().items():
            for toxic in state.toxics:
                if toxic.name.startswith(OURS):
                    self.remove_toxic(name, toxic.name)
            if not state.enabled:
                self.enable(name)

    def rename(self, names: Mapping[str, str]) -> None:
        """Call what is known by each value by its key from now on."""
        before = dict(self._names)
        for name in names.values():
            self._names.pop(name, None)
        self._names |= {new: before[old] for new, old in names.items() if old in before}

    def close(self) -> None:
        """Make every later call an error."""
        if self._real is not None:
            self._real.close()

    def _engine(self) -> Control:
        if self._real is None:
            raise UsageError(f"no proxy can be acted on: {self._why}", remedy="give --arbredis-control=URL")
        return self._real

    def _name(self, name: str) -> str:
        if name not in self._names:
            raise UsageError.unknown("proxy", name, self._names)
        return self._names[name]
