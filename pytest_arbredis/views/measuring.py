"""A latency budget of what must be awaited: measured in an event loop, one call after the other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.views.recording import OperationRecorder


class Measuring:
    """What `latency_budget` gives within a running loop: `finding = await latency_budget(call, p99_ms=5)`."""

    def __init__(
        self,
        call: Callable[[], Awaitable[object]],
        first: Awaitable[object],
        *,
        name: str,
        warm_up: int,
        calls: int,
        recorder: OperationRecorder,
        judge: Callable[[], Finding],
    ) -> None:
        self._call = call
        self._first = first
        self._name = name
        self._warm_up = warm_up
        self._calls = calls
        self._recorder = recorder
        self._judge = judge
        self._awaited = False

    def __await__(self) -> Generator[Any, None, Finding]:
        return self.measured().__await__()

    async def measured(self) -> Finding:
        """Call and await it as often as was asked for, and judge. `first` is the result of a call already made."""
        self._awaited = True
        await self._first
        for _ in range(self._warm_up - 1):
            await self._call()
        for _ in range(self._calls):
            with self._recorder.operation(self._name):
                await self._call()
        return self._judge()

    def complaint(self) -> str:
        """What is wrong with a test that did not await it; empty if it did."""
        if self._awaited:
            return ""
        if asyncio.iscoroutine(self._first):
            self._first.close()  # or the interpreter complains of it in another test
        return (
            f"the latency budget of {self._name} was not measured: nothing awaited it\n"
            "  remedy: in a coroutine write `await latency_budget(…)`"
        )


def in_a_loop() -> bool:
    """Whether an event loop runs in this thread."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
