"""A forked child has its parent's sockets, and must not use them: its pools begin with nothing."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.pool import Pool

_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()


def watch_forks(pool: Pool) -> None:
    """Empty this pool in every child."""
    _POOLS.add(pool)


def _in_child() -> None:
    for pool in tuple(_POOLS):
        pool.forget()


os.register_at_fork(after_in_child=_in_child)
