"""What is asked of a manager, checked, as an operation: the same for the sync and the asyncio one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.errors import ConflictError
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.manager.heartbeats import Beat, ReadHeartbeat
from pytest_arbredis.state.manager.metrics import ReadMetrics, SetMetrics
from pytest_arbredis.state.manager.positions import ReadPosition, SetPosition
from pytest_arbredis.state.manager.stats import Increment, ReadStat
from pytest_arbredis.state.manager.values import (
    require_count,
    require_field,
    require_metrics,
    require_position,
    require_ttl,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.manager.core import Core
    from pytest_arbredis.state.manager.readings import Position
    from pytest_arbredis.state.manager.values import Number

METRICS_TTL_S: Final = 86_400.0
HEARTBEAT_TTL_S: Final = 300.0
COMPONENT: Final = "main"
"""Whose heartbeat it is, unless said otherwise."""


def increment(core: Core, name: str, by: int) -> Increment:
    """Add `by` to a statistic."""
    return Increment(name=require_field(name), by=require_count(by), token=core.token(), at=core.now())


def read_stat(name: str) -> ReadStat:
    """Read a statistic."""
    return ReadStat(name=require_field(name))


def set_metrics(core: Core, values: Mapping[str, Number], ttl_s: float, within_s: float | None) -> SetMetrics:
    """Set some metrics."""
    return SetMetrics(
        values=require_metrics(values),
        ttl_ms=require_ttl(ttl_s),
        token=core.token(),
        at=core.now(),
        within_s=within_s or core.within_s,
    )


def read_metrics() -> ReadMetrics:
    """Read all metrics."""
    return ReadMetrics()


def beat(core: Core, component: str, status: str, ttl_s: float, within_s: float | None) -> Beat:
    """A heartbeat."""
    require_part("component", component)
    return Beat(component=component, status=status, ttl_ms=require_ttl(ttl_s), within_s=within_s or core.within_s)


def read_heartbeat(component: str, alive_s: float) -> ReadHeartbeat:
    """Read a heartbeat."""
    return ReadHeartbeat(component=require_part("component", component), alive_s=alive_s)


def set_position(core: Core, symbol: str, fields: Mapping[str, object], over: Position | None) -> SetPosition:
    """Write a position."""
    require_part("symbol", symbol)
    require_position(fields)
    return SetPosition(symbol=symbol, fields=dict(fields), token=core.token(), at=core.now(), over=over)


def read_position(symbol: str) -> ReadPosition:
    """Read a position."""
    return ReadPosition(symbol=require_part("symbol", symbol))


def agreed(position: Position) -> dict[str, object] | None:
    """Its fields. Raises `ConflictError` if there are conflicts: nobody but the caller can choose."""
    if position.conflicts:
        raise ConflictError(
            f"the position {position.symbol} is in conflict: {len(position.conflicts) + 1} values are kept",
            remedy="read it with read_position, decide, and write with over= what was read",
        )
    return None if position.fields is None else dict(position.fields)
