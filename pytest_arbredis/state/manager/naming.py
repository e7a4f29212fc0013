"""Whose state it is: the namespace `{mode}:{env}`, and the keys of a manager in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_arbredis.state.errors import KeyRefusedError
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import MANAGED, TOKENS

DEFAULT: Final = "default"
"""The namespace of a manager that was told none: `test:local`, so that it never meets what trades."""

_MEANT_BY_DEFAULT: Final = "test:local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Namespace:
    """`mode` (live, paper, shadow, test), `place` (docker, local, memory) and the prefix of all keys in it."""

    mode: str
    place: str
    key_prefix: str

    @property
    def text(self) -> str:
        """`{mode}:{env}`, as it is given to a manager."""
        return f"{self.mode}:{self.place}"

    @property
    def in_memory(self) -> bool:
        """Whether it says itself that nothing is to be kept in Redis."""
        return self.place == "memory"

    @property
    def stats(self) -> str:
        """The Hash of all statistics. It persists."""
        return self._key("stats")

    @property
    def metrics(self) -> str:
        """The Hash of the metrics. It has a time to live."""
        return self._key("metrics")

    def heartbeat(self, component: str) -> str:
        """The Hash of a component's last heartbeat. It has a time to live."""
        return self._key("heartbeat", component)

    def position(self, symbol: str) -> str:
        """The Hash of a position. It persists."""
        return self._key("position", symbol)

    def conflicts(self, symbol: str) -> str:
        """The Hash of what could not be written over a position, by token. It persists until it is resolved."""
        return self._key("conflicts", symbol)

    def token(self, token: str) -> str:
        """The key that says that an addition was applied."""
        return TOKENS.key(owner=f"{self.mode}.{self.place}.{self.key_prefix}", token=token)

    def _key(self, *rest: str) -> str:
        return MANAGED.key(*rest, mode=self.mode, place=self.place, key_prefix=self.key_prefix)


def namespace_of(text: str, key_prefix: str) -> Namespace:
    """The namespace `{mode}:{env}`, or `default`; raises `KeyRefusedError` that names the part."""
    if not isinstance(text, str):
        raise KeyRefusedError(f"the namespace is {text!r}", remedy="give {mode}:{env}, as in paper:docker")
    mode, colon, place = (_MEANT_BY_DEFAULT if text == DEFAULT else text).partition(":")
    if not colon:
        raise KeyRefusedError(f"the namespace is {text!r}", remedy="give {mode}:{env}, as in paper:docker")
    return Namespace(
        mode=require_part("mode", mode),
        place=require_part("place", place),
        key_prefix=require_part("key_prefix", key_prefix),
    )
