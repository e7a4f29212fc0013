"""Calls, failures and slow calls of the last seconds, in ten buckets that replace one another."""

from __future__ import annotations

import threading
from itertools import count
from typing import Final

BUCKETS: Final = 10


class Tally:
    """A count that any thread may raise without a lock: `add` is one step of C, `itertools.count.__next__`.

    It is read, under the breaker's lock, by taking one more number and remembering that nobody counted it.
    """

    __slots__ = ("_reads", "add")

    def __init__(self) -> None:
        self.add = count().__next__
        self._reads = 0

    def read(self) -> int:
        """How often `add` was called."""
        taken = self.add()
        self._reads += 1
        return taken - self._reads + 1


class Bucket:
    """One tenth of the window. `number` says which one since the clock began."""

    __slots__ = ("calls", "failed", "number", "slow")

    def __init__(self, number: int) -> None:
        self.number = number
        self.calls = Tally()
        self.failed = 0
        self.slow = 0


class Window:
    """A rolling window of `window_ns`.

    Only the thread that finds its bucket old takes a lock, to replace it: once in a tenth of the window. A thread that
    was stopped between finding its bucket and counting in it counts in one that is gone by then: such a call ended
    before the window began, and is rightly forgotten.
    """

    __slots__ = ("_lock", "_ring", "_width_ns")

    def __init__(self, window_ns: int) -> None:
        self._width_ns = max(1, window_ns // BUCKETS)
        self._ring = [Bucket(-1) for _ in range(BUCKETS)]
        self._lock = threading.Lock()

    def called(self, now_ns: int) -> Bucket:
        """Count a call that ended now; gives the bucket it is in."""
        number = now_ns // self._width_ns
        bucket = self._ring[number % BUCKETS]
        if bucket.number != number:
            bucket = self._renewed(number)
        bucket.calls.add()
        return bucket

    def totals(self, now_ns: int) -> tuple[int, int, int]:
        """Calls, failed ones and slow ones; under the breaker's lock only."""
        first = now_ns // self._width_ns - BUCKETS + 1
        kept = [bucket for bucket in self._ring if bucket.number >= first]
        return (
            sum(bucket.calls.read() for bucket in kept),
            sum(bucket.failed for bucket in kept),
            sum(bucket.slow for bucket in kept),
        )

    def _renewed(self, number: int) -> Bucket:
        """The bucket of that number; one that is newer stays (a slow thread comes late) and takes the call."""
        with self._lock:
            bucket = self._ring[number % BUCKETS]
            if bucket.number < number:
                bucket = Bucket(number)
                self._ring[number % BUCKETS] = bucket
            return bucket
