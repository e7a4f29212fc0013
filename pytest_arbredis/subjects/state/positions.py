"""A position as a set of fills: each is added by reading the position, changing it, saving it.

How many fills there are is said by all four keys of the position. What is read is the fills; where the keys disagree,
with a description of that, which nobody added.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.trading.aio import AsyncTradingStore
from pytest_arbredis.state.trading.position import Position
from pytest_arbredis.state.trading.store import TradingStore
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.loops import twin
from pytest_arbredis.subjects.state.pieces import Pieces, part_of

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints

SYMBOL = "BTCUSDT"
WITHIN_S = 2.0
WAIT_MS = 40
"""While a replica is away every change waits so long in vain."""
OPERATIONS = frozenset({"add", "read"})


class HardenedPositions:
    """Implements `Piece`; a position for each key."""

    def __init__(self, endpoints: Endpoints, *, wait_replicas: int, asyncio: bool, without: Without) -> None:
        self._redis = hardened(endpoints, asyncio=asyncio)
        how: Any = {"wait_replicas": wait_replicas, "wait_ms": WAIT_MS, "_without": without}
        self._store = twin(self._redis, TradingStore, AsyncTradingStore, **how)

    def change(self, key: str, value: str) -> None:
        """Add a fill."""
        self._store.change_position(
            part_of(key), SYMBOL, "long", lambda found: with_fill(found, value), within_s=WITHIN_S
        )

    def read(self, key: str) -> Json:
        """All fills."""
        found = self._store.load_position(part_of(key), SYMBOL, "long", within_s=WITHIN_S)
        if found is None:
            return []
        return told(found.details.get("fills", []), found.dca_count, str(found.entry_price), found.state)

    def close(self) -> None:
        """As `Piece.close`."""
        self._redis.close()


def with_fill(found: Position | None, value: str) -> Position:
    """A position with one fill more."""
    before = found or Position(symbol=SYMBOL, side="long", entry_price=Decimal(0))
    fills = [*before.details.get("fills", []), value]
    count = len(fills)
    return replace(
        before, details={"fills": fills}, dca_count=count, entry_price=Decimal(count), state=f"fills-{count}"
    )


def told(fills: list[Json], dca_count: int, entry_price: str, state: str) -> Json:
    """The fills; and what does not fit them, if anything does not."""
    count = len(fills)
    if (dca_count, entry_price, state) == (count, str(count), f"fills-{count}"):
        return fills
    return [*fills, f"torn: {count} fills, dca_count {dca_count}, entry_price {entry_price}, state {state}"]


def positions(*, wait_replicas: int = 0, asyncio: bool = False, _without: Without = NONE) -> Pieces:
    """Positions of the state layer; changes that fewer than `wait_replicas` confirm are reported as unknown."""
    wait = f", WAIT {wait_replicas}" if wait_replicas else ""
    return Pieces(
        name=f"state layer, positions{lacking(_without, asyncio=asyncio)}{wait}",
        make=lambda endpoints: HardenedPositions(
            endpoints, wait_replicas=wait_replicas, asyncio=asyncio, without=_without
        ),
        operations=OPERATIONS,
        confirmed_by=wait_replicas,
    )
