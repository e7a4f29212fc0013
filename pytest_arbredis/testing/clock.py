"""A clock that passes only when it is told to, or when everybody who takes part in it sleeps."""

from __future__ import annotations

import heapq
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_S

if TYPE_CHECKING:
    from collections.abc import Iterator


class ManualClock:
    """Implements `Clock` without waiting.

    A thread that does not take part moves the clock by sleeping. Threads inside `taking_part()` sleep until all of them
    do; then the clock jumps to the earliest wake-up time: the same order of events every time, in no time.
    """

    def __init__(self, start_ns: int = 1_000_000_000) -> None:
        self._now = start_ns
        self._changed = threading.Condition()
        self._taking_part: set[int] = set()
        self._wake_ups: list[tuple[int, int]] = []

    def now_ns(self) -> int:
        """The present time of this clock."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass now."""
        with self._changed:
            self._now += int(seconds * NS_PER_S)
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; see the class for whose time that is."""
        if seconds <= 0:
            return
        me = threading.get_ident()
        with self._changed:
            target = self._now + max(1, int(seconds * NS_PER_S))
            if me not in self._taking_part:
                self._now = target
                self._changed.notify_all()
                return
            heapq.heappush(self._wake_ups, (target, me))
            self._jump()
            self._changed.wait_for(lambda: self._now >= target)
            self._wake_ups.remove((target, me))
            heapq.heapify(self._wake_ups)

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """While entered, this thread's sleeps end only when all who take part sleep."""
        me = threading.get_ident()
        with self._changed:
            self._taking_part.add(me)
        try:
            yield
        finally:
            with self._changed:
                self._taking_part.discard(me)
                self._jump()

    def _jump(self) -> None:
        if self._wake_ups and len(self._wake_ups) >= len(self._taking_part):
            self._now = max(self._now, self._wake_ups[0][0])
            self._changed.notify_all()
