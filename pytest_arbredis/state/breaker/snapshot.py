"""How a breaker stands at one moment, for people and metrics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.state.breaker.transition import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """`calls`, `failed` and `slow` are those of the window, 0 where no rate is watched.

    `failures_in_a_row` is of the closed spell. An open breaker probes at the first call after `retry_in_s`; it stays
    open, and is shown so, until that call comes. `rejected` counts from the beginning, as `transitions` does.
    """

    id: str
    state: State
    transitions: int
    failures_in_a_row: int
    calls: int
    failed: int
    slow: int
    rejected: int
    probes_under_way: int
    retry_in_s: float
    listener_errors: int
