"""Drives a plan: asks go to `answer`, replies and errors come back into the plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pytest_arbredis.state.errors import StateError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_arbredis.state.asks import Ask, Plan, Reply

T = TypeVar("T")


def drive(plan: Plan[T], answer: Callable[[Ask], Reply]) -> T:
    """The plan's result; an error of an answer is raised at the `yield` that asked. The plan is closed at the end."""
    try:
        ask = next(plan)
        while True:
            try:
                reply = answer(ask)
            except StateError as error:
                ask = plan.throw(error)
            else:
                ask = plan.send(reply)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        plan.close()


async def drive_async(plan: Plan[T], answer: Callable[[Ask], Awaitable[Reply]]) -> T:
    """As `drive`, where answers are awaited."""
    try:
        ask = next(plan)
        while True:
            try:
                reply = await answer(ask)
            except StateError as error:
                ask = plan.throw(error)
            else:
                ask = plan.send(reply)
    except StopIteration as done:
        result: T = done.value
        return result
    finally:
        plan.close()
