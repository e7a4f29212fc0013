"""A clock that passes only when it is told to, or when everybody who takes part in it sleeps."""

from __future__ import annotations

import heapq
import itertools
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
        self._lock = threading.Lock()
        self._taking_part: set[int] = set()
        self._numbers = itertools.count()
        self._wake_ups: list[tuple[int, int, threading.Condition]] = []

    def now_ns(self) -> int:
        """The present time of this clock."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass now."""
        with self._lock:
            self._now += int(seconds * NS_PER_S)
            self._wake()

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; see the class for whose time that is."""
        if seconds <= 0:
            return
        me = threading.get_ident()
        with self._lock:
            target = self._now + max(1, int(seconds * NS_PER_S))
            if me not in self._taking_part:
                self._now = target
                self._wake()
                return
            mine = (target, next(self._numbers), threading.Condition(self._lock))
            heapq.heappush(self._wake_ups, mine)
            self._jump()
            mine[2].wait_for(lambda: self._now >= target)
            self._wake_ups.remove(mine)
            heapq.heapify(self._wake_ups)

    @contextmanager
    def taking_part(self) -> Iterator[None]:
        """While entered, this thread's sleeps end only when all who take part sleep."""
        me = threading.get_ident()
        with self._lock:
            self._taking_part.add(me)
        try:
            yield
        finally:
            with self._lock:
                self._taking_part.discard(me)
                self._jump()

    def _jump(self) -> None:
        if self._wake_ups and len(self._wake_ups) >= len(self._taking_part):
            self._now = max(self._now, self._wake_ups[0][0])
            self._wake()

    def _wake(self) -> None:
        """Those whose time has come, and nobody else: a crowd that wakes for nothing is what takes long."""
        for target, _, sleeper in self._wake_ups:
            if target <= self._now:
                sleeper.notify()
