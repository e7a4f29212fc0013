"""Operations that are queued while Redis is away, as design 4 has them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import redis

from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.offline import WITHIN_S, Writers

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints


class NaiveOfflineQueue:
    """Plain redis-py."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis: Any = client
        self.waiting: deque[tuple[str, ...]] = deque()

    def do(self, *command: str) -> bool:
        """state-layer.md §4: connection loss: operations are queued until reconnected. Whether none waits."""
        self.waiting.append(command)
        try:
            while self.waiting:
                self.redis.execute_command(*self.waiting[0])
                self.waiting.popleft()
        except (redis.ConnectionError, redis.TimeoutError):
            return False
        return True

    def ask(self, *command: str, otherwise: object) -> Any:
        """state-layer.md §4: or the caller's fallback value is returned."""
        try:
            return self.redis.execute_command(*command)
        except (redis.ConnectionError, redis.TimeoutError):
            return otherwise


class NaiveWriter:
    """Implements `Writer`."""

    def __init__(self, endpoints: Endpoints) -> None:
        self._queue = NaiveOfflineQueue(plain(endpoints, timeout_s=WITHIN_S))

    def write(self, key: str, value: str) -> bool:
        """As `Writer.write`."""
        return self._queue.do("SET", key, value)

    @property
    def waiting(self) -> int:
        """As `Writer.waiting`."""
        return len(self._queue.waiting)

    def read(self, key: str) -> str | None:
        """As `Writer.read`."""
        raw = self._queue.redis.get(key)
        return None if raw is None else raw.decode()

    def close(self) -> None:
        """As `Writer.close`."""
        self._queue.redis.close()


def waiting_writes() -> Writers:
    """A queue without a bound, sent whenever Redis is back."""
    return Writers(name="operations queued as design 4 has it", make=NaiveWriter)
