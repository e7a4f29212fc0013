"""A walk over the keyspace, step by step; who takes the steps, and how it waits between them, is the auditor's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.audit.look import look
from pytest_arbredis.state.audit.report import Count
from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.errors import MisuseError

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.audit.look import Seen
    from pytest_arbredis.state.audit.report import AuditReport
    from pytest_arbredis.state.audit.server import ServerFigures
    from pytest_arbredis.state.clock import Clock

SHARE: Final = 0.5
"""Of the time, at most, a step is under way."""

SHOWN: Final = 100
"""Breaches that are kept one by one; all are counted."""

Progress = Callable[[int, int], object]
"""Called after every step with the keys that were seen, and those that there were at the start."""


class Walk:
    """Where an audit is."""

    def __init__(
        self, server: ServerFigures, clock: Clock, *, share: float, shown: int, progress: Progress | None
    ) -> None:
        if not 0 < share <= 1 or shown < 0:
            raise MisuseError(f"share={share!r}, shown={shown!r}", remedy="give a share above 0 up to 1, and 0 or more")
        self._server = server
        self._clock = clock
        self._share = share
        self._progress = progress
        self._count = Count(most=shown)
        self._cursor = 0
        self._began_ns = self._step_ns = clock.monotonic_ns()
        self.over = False

    def step(self) -> Plan[Seen]:
        """The next step."""
        self._step_ns = self._clock.monotonic_ns()
        return look(self._cursor)

    def took(self, seen: Seen) -> float:
        """A step saw this: how many seconds to wait before the next one, so that others have their share.

        The server does nothing for us while we count: that is part of the wait.
        """
        answered_ns = self._clock.monotonic_ns()
        self._count.see(seen.keys)
        self._cursor = seen.cursor
        self.over = seen.cursor == 0
        if self._progress is not None:
            self._progress(self._count.keys, self._server.keys)
        owed_ns = (answered_ns - self._step_ns) * (1 / self._share - 1)
        waited_ns = self._clock.monotonic_ns() - answered_ns
        return 0.0 if self.over else max(0.0, owed_ns - waited_ns) / NS_PER_S

    def report(self) -> AuditReport:
        """What it found."""
        return self._count.report(self._server, took_s=(self._clock.monotonic_ns() - self._began_ns) / NS_PER_S)
