"""`Auditor` and `AsyncAuditor`: walk over all keys of a database and say what is there, and what should not be."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from pytest_arbredis.state.audit.server import look_at_server
from pytest_arbredis.state.audit.walk import SHARE, SHOWN, Walk
from pytest_arbredis.state.clock import SYSTEM_CLOCK
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pytest_arbredis.state.audit.report import AuditReport
    from pytest_arbredis.state.audit.walk import Progress
    from pytest_arbredis.state.clock import Clock
    from pytest_arbredis.state.connections.running import Runs, RunsAsync


class Auditor:
    """Reads only: by SCAN, some twenty keys a step, and waits between the steps so that at most `share` is its own."""

    def __init__(
        self,
        redis: Runs,
        *,
        share: float = SHARE,
        shown: int = SHOWN,
        clock: Clock = SYSTEM_CLOCK,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._redis = redis
        self._share = share
        self._shown = shown
        self._clock = clock
        self._sleep = sleep

    def audit(self, *, progress: Progress | None = None, within_s: float | None = None) -> AuditReport:
        """The report; `within_s` is the deadline of each step, not of the walk."""
        server = self._redis.run(look_at_server(), kind=Kind.NORMAL, within_s=within_s)
        walk = Walk(server, self._clock, share=self._share, shown=self._shown, progress=progress)
        while not walk.over:
            seen = self._redis.run(walk.step(), kind=Kind.SLOW, within_s=within_s)
            self._sleep(walk.took(seen))
        return walk.report()


class AsyncAuditor:
    """As `Auditor`, for asyncio."""

    def __init__(
        self,
        redis: RunsAsync,
        *,
        share: float = SHARE,
        shown: int = SHOWN,
        clock: Clock = SYSTEM_CLOCK,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._redis = redis
        self._share = share
        self._shown = shown
        self._clock = clock
        self._sleep = sleep

    async def audit(self, *, progress: Progress | None = None, within_s: float | None = None) -> AuditReport:
        """As `Auditor.audit`."""
        server = await self._redis.run(look_at_server(), kind=Kind.NORMAL, within_s=within_s)
        walk = Walk(server, self._clock, share=self._share, shown=self._shown, progress=progress)
        while not walk.over:
            seen = await self._redis.run(walk.step(), kind=Kind.SLOW, within_s=within_s)
            await self._sleep(walk.took(seen))
        return walk.report()
