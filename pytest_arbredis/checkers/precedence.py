"""The order in time that a history proves: one operation was over before another began."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Op


def came_before(first: Op, second: Op) -> bool:
    """Whether `first` was over before `second` began; within a process one may begin as the other completes."""
    if first.completed_ns is None:
        return False
    if first.process == second.process and first.completed_ns == second.invoked_ns:
        return (first.invoked_ns, first.id) < (second.invoked_ns, second.id)
    return first.completed_ns < second.invoked_ns
