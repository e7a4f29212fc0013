"""A channel: its name on the wire, and the key of its last number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import SEQUENCE

KNOWN: Final[dict[str, int]] = {"state_update": 0, "trade_signals": 0, "market_data": 1, "executions": 1}
"""Channels of the designs, and how many parts follow: a symbol, an account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """`state_update` and `trade_signals`; `market_data` of a symbol; `executions` of an account.

    Publish and subscribe knows no databases: what keeps environments apart is the `scope` before the name ("live").
    """

    scope: str
    name: str
    of: str = ""

    def __post_init__(self) -> None:
        require_part("scope", self.scope)
        if self.name not in KNOWN:
            raise MisuseError(f"no channel is called {self.name!r}", remedy=f"known: {', '.join(KNOWN)}")
        if bool(self.of) != bool(KNOWN[self.name]):
            raise MisuseError(f"the channel {self.name} of {self.of!r}", remedy="name what it is of, or nothing")
        if self.of:
            require_part("of", self.of)

    @property
    def parts(self) -> tuple[str, ...]:
        """What comes after the scope."""
        return (self.name, self.of) if self.of else (self.name,)

    @property
    def wire(self) -> str:
        """The name that Redis knows: `live:market_data:EURUSD`."""
        return ":".join((self.scope, *self.parts))

    @property
    def key(self) -> str:
        """The Hash with the channel's last number and message."""
        return SEQUENCE.key(*self.parts, channel_part=self.scope)
