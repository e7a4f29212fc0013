"""A position: four keys that change together or not at all, and never behind another writer's back.

`user:{id}:position:{symbol}:{side}` is a Hash of details, with `:dca_count` and `:entry_price` beside it;
`user:{id}:position:{symbol}:position_state` belongs to both sides of a symbol: who wrote last has said it.

The Hash has a field `_version`, a number that grows with every save and is not used again after a close: the server's
time in microseconds, or one more than before if that is more.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Final, Literal, cast

from pytest_arbredis.state.errors import CorruptedError, MisuseError, TooLargeError
from pytest_arbredis.state.json_value import Json, decoded, decoded_text, encoded
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import DCA_COUNT, ENTRY_PRICE, POSITION, POSITION_STATE

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg

Side = Literal["long", "short"]

VERSION: Final = "_version"
MOST_DETAILS: Final = 998
"""With the version, fewer than 1000 fields (design 1)."""

HARDENINGS: Final = frozenset({"one-transaction", "version", "wait-replicas"})
"""`one-transaction`: without it each key is written, and read, for itself. `version`: without it a save overwrites
whatever is there. `wait-replicas`: without it nothing waits to be confirmed, and the primary's OK is taken for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One side of a symbol. `entry_price` is exact; `state` is a phase in the caller's words.

    `version` is 0 for a position that is not stored yet, else what was read.
    """

    symbol: str
    side: Side
    entry_price: Decimal
    dca_count: int = 0
    state: str = "open"
    details: Mapping[str, Json] = field(default_factory=dict)
    version: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.entry_price, Decimal) or not self.entry_price.is_finite() or self.entry_price < 0:
            raise MisuseError(f"entry_price={self.entry_price!r}", remedy="give a Decimal, finite, 0 or more")
        for name in ("dca_count", "version"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise MisuseError(f"{name}={value!r}", remedy="give a whole number, 0 or more")
        require_part("state", self.state)
        if len(self.details) > MOST_DETAILS:
            raise TooLargeError(f"{len(self.details)} details of a position", remedy=f"store at most {MOST_DETAILS}")
        for name in self.details:
            require_part("detail", name)
            if name.startswith("_"):
                raise MisuseError(f"a detail called {name!r}", remedy="names with _ in front are the layer's")


def keys_of(user_id: str, symbol: str, side: str) -> tuple[str, str, str, str]:
    """The Hash, the two keys of this side, and the key of the symbol."""
    one_side = {"user_id": user_id, "symbol": symbol, "side": side}
    return (
        POSITION.key(**one_side),
        DCA_COUNT.key(**one_side),
        ENTRY_PRICE.key(**one_side),
        POSITION_STATE.key(user_id=user_id, symbol=symbol),
    )


def fields_of(position: Position) -> tuple[Arg, ...]:
    """The details as HSET takes them."""
    words: list[Arg] = []
    for name, value in position.details.items():
        words += [name, encoded(value, of=f"the detail {name!r} of a position")]
    return tuple(words)


def parsed(
    flat: list[bytes], beside: tuple[bytes | None, bytes | None, bytes | None], *, user_id: str, symbol: str, side: str
) -> Position | None:
    """The position that these replies tell, None if there is none; raises `CorruptedError` for parts of one."""
    key, *others = keys_of(user_id, symbol, side)
    if not flat:
        if beside[0] is not None or beside[1] is not None:
            raise CorruptedError(f"{key} is absent, and what belongs to it is not", remedy="close the position")
        return None
    raw = {decoded_text(name, key=key): value for name, value in zip(flat[::2], flat[1::2], strict=True)}
    for name, value in zip(others, beside, strict=True):
        if value is None:
            raise CorruptedError(f"{key} is there without {name}", remedy="somebody else wrote it: look at both")
    try:
        version = int(raw.pop(VERSION, b"0"))
        return Position(
            symbol=symbol,
            side=cast("Side", side),
            entry_price=Decimal(cast("bytes", beside[1]).decode()),
            dca_count=int(cast("bytes", beside[0])),
            state=cast("bytes", beside[2]).decode(),
            details={name: decoded(value, key=key) for name, value in raw.items()},
            version=version,
        )
    except (ValueError, InvalidOperation):  # also a MisuseError; their texts show what lies there
        raise CorruptedError(f"{key}, or what belongs to it, is no position", remedy="somebody else wrote it") from None
