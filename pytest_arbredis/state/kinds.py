"""Kinds of operation, and the total time that each may take unless the caller says otherwise."""

from __future__ import annotations

from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(Enum):
    """What an operation is like: one key, several, a walk over many, a batch."""

    FAST = "fast"
    """GET, SET, EXISTS, a short script."""
    NORMAL = "normal"
    """HGETALL, MGET."""
    SLOW = "slow"
    """SCAN."""
    PIPELINE = "pipeline"
    """Many commands at once, a transaction."""


DEADLINES_S: Final[Mapping[Kind, float]] = MappingProxyType(
    {Kind.FAST: 2.0, Kind.NORMAL: 5.0, Kind.SLOW: 10.0, Kind.PIPELINE: 15.0}
)
"""Seconds, in total: waiting for a connection, discovery, sending, the reply, and repeats."""
