"""A function that asks the breaker first: sync or async, as the guarded one is."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.state.breaker.breaker import Breaker

P = ParamSpec("P")
R = TypeVar("R")


def guarded(breaker: Breaker) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator: every call of the function asks `breaker`, and raises `CircuitOpenError` if it is not let in.

    A coroutine function is in the breaker's care until its coroutine ends; one that is cancelled is ignored.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaiting(*args: P.args, **kwargs: P.kwargs) -> Any:
                with breaker.enter():
                    return await cast("Any", function(*args, **kwargs))

            return cast("Callable[P, R]", awaiting)

        @functools.wraps(function)
        def calling(*args: P.args, **kwargs: P.kwargs) -> R:
            with breaker.enter():
                return function(*args, **kwargs)

        return calling

    return decorate
