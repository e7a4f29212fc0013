"""Snapshots and physics states as registers: a value is part of one, and read out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.engine.physics import PhysicsState
from pytest_arbredis.state.engine.snapshot import Quote
from pytest_arbredis.state.engine.store import EngineStore
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.pieces import Pieces, part_of

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints

WITHIN_S = 5.0
SNAPSHOT_TTL_S = 0.5
"""Of a drill's snapshots, so that they expire within it."""


class HardenedSnapshots:
    """Implements `Piece`: a snapshot that is not fresh is not given."""

    def __init__(self, endpoints: Endpoints, *, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._store = EngineStore(self._redis, snapshot_ttl_s=SNAPSHOT_TTL_S, _without=without)

    def change(self, key: str, value: str) -> None:
        """Put a snapshot."""
        number = as_number(value)
        quote = Quote(price=number, volume=1.0, bid=number, ask=number, timestamp=0.0)
        self._store.put_snapshot(part_of(key).upper(), quote, within_s=WITHIN_S)

    def read(self, key: str) -> Json:
        """The value of a fresh snapshot, or None."""
        found = self._store.get_snapshot(part_of(key).upper(), within_s=WITHIN_S)
        return as_value(found.quote.price) if found is not None and found.fresh else None

    def close(self) -> None:
        """As `Piece.close`."""
        self._redis.close()


class HardenedPhysics:
    """Implements `Piece`: the value is the regime."""

    def __init__(self, endpoints: Endpoints, *, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._store = EngineStore(self._redis, _without=without)

    def change(self, key: str, value: str) -> None:
        """Save a state."""
        self._store.save_physics(part_of(key).upper(), physics_of(value), within_s=WITHIN_S)

    def read(self, key: str) -> Json:
        """The regime, or None."""
        found = self._store.load_physics(part_of(key).upper(), within_s=WITHIN_S)
        return None if found is None else found.regime

    def close(self) -> None:
        """As `Piece.close`."""
        self._redis.close()


def physics_of(value: str) -> PhysicsState:
    """A state with this regime."""
    return PhysicsState(
        mass=1.0, momentum=0.0, friction=0.5, entropy=2.0, nash_dist=0.1, regime=value, alpha_coefficient=2.5
    )


def as_number(value: str) -> float:
    """`v3.17`, as a workload writes it, as a price: 3000017."""
    client, _, number = value.removeprefix("v").partition(".")
    return int(client) * 1e6 + int(number)


def as_value(price: float) -> str:
    """The value of a price."""
    client, number = divmod(int(price), 1_000_000)
    return f"v{client}.{number}"


def snapshots(*, _without: Without = NONE) -> Pieces:
    """Market snapshots of the state layer."""
    return Pieces(
        name=f"state layer, snapshots{lacking(_without)}",
        make=lambda endpoints: HardenedSnapshots(endpoints, without=_without),
    )


def physics(*, _without: Without = NONE) -> Pieces:
    """Physics states of the state layer."""
    return Pieces(
        name=f"state layer, physics{lacking(_without)}",
        make=lambda endpoints: HardenedPhysics(endpoints, without=_without),
    )
