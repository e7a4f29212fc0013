"""Classes of operations, reads apart from writes: what recovers, and what is unavailable, is told of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History

FLOOR = "PING"
"""The harness's own operations for the noise floor are no class of the load."""


def classes_of(history: History, names: Sequence[str] = ()) -> tuple[str, ...]:
    """The names of a load's operations, sorted; or those given."""
    if names:
        return tuple(names)
    return tuple(sorted({op.name for op in history.ops if not op.is_final} - {FLOOR}))
