"""Calls that their caller cancels: by `wait_for`, or by `Task.cancel`, at any moment of the call."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_arbredis.state.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Coroutine

T = TypeVar("T")

SOONEST_S, LATEST_S = 0.0001, 0.2
"""From before anything was sent to long after: a call on this machine takes half a millisecond, one of a fault more."""


class CancelledCall(Exception):  # noqa: N818 - it is no error
    """The caller cancelled his call: what became of it he does not know."""


def moment_s(operation: int, share: float) -> float | None:
    """When this operation is cancelled, if it is one of this share: with any order of magnitude as likely."""
    if not share:
        return None
    chance = random.Random(operation)
    if chance.random() >= share:
        return None
    return float(SOONEST_S * (LATEST_S / SOONEST_S) ** chance.random())


async def cancelled(call: Coroutine[Any, Any, T], *, after_s: float) -> T:
    """What the call gives if it ends before; else it is cancelled, in one of both ways, and `CancelledCall` raised."""
    if int(after_s * 1e6) % 2:
        try:
            return await asyncio.wait_for(call, after_s)
        except StateError:
            raise
        except TimeoutError:
            raise CancelledCall from None
    task = asyncio.ensure_future(call)
    timer = asyncio.get_running_loop().call_later(after_s, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise CancelledCall from None
    finally:
        timer.cancel()
