"""When an operation took effect: by the time it was acknowledged, or at any time after its invocation, or never.

One operation precedes another if it completed before the other was invoked; at the same instant they are concurrent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op


def may_apply(op: Op) -> bool:
    """Whether it may have taken effect: all but those that certainly failed."""
    return op.applied or op.outcome != "fail"


def applied_by_ns(op: Op) -> int:
    """When it had certainly taken effect, or `NEVER`.

    An unknown outcome bounds nothing, whenever the caller gave up; one with `confirmed` was answered, so it does.
    """
    return op.completed_ns if op.applied and op.completed_ns is not None else NEVER


def completed_by_ns(op: Op) -> int:
    """When a successful operation had completed."""
    return NEVER if op.completed_ns is None else op.completed_ns


def by_key(history: History, names: Iterable[str]) -> dict[str | None, list[Op]]:
    """The operations of these names by key, each list by invocation; reads of the final phase are among them."""
    wanted = frozenset(names)
    found: dict[str | None, list[Op]] = {}
    for op in history.ops:
        if op.name in wanted:
            found.setdefault(op.key, []).append(op)
    return found
