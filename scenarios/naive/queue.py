"""The task queue as design 4 has it: LPUSH and BRPOP."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import orjson

from pytest_arbredis.scenarios.naive.reaching import client_of
from pytest_arbredis.subjects.state.tasks import Tasks

if TYPE_CHECKING:
    from pytest_arbredis.load.protocol import Endpoints

TASKS = "queue:tasks"


class NaiveQueue:
    """Plain redis-py. A task that was taken is nowhere but with its consumer."""

    def __init__(self, endpoints: Endpoints, *, timeout_s: float = 0.01) -> None:
        self._held = ExitStack()
        self._redis = client_of(endpoints, self._held)
        self._timeout_s = timeout_s

    def put(self, value: str, valid_ms: int | None) -> None:  # noqa: ARG002 - nothing of this is in the design
        """state-layer.md §4: list `queue:tasks` (LPUSH …)."""
        self._redis.lpush(TASKS, orjson.dumps(value))

    def take(self) -> tuple[str, object] | None:
        """state-layer.md §4: … BRPOP timeout 1 (here it is shorter: a drill takes often)."""
        found = self._redis.brpop(TASKS, timeout=self._timeout_s)
        return None if found is None else (str(orjson.loads(found[1])), None)

    def ack(self, taken: object) -> None:
        """Nothing of this is in the design: what was taken is gone."""

    def die(self) -> None:
        """What it had is gone with it."""

    def recover(self) -> int:
        """Nothing of this is in the design."""
        return 0

    def left(self) -> tuple[list[str], list[str]]:
        """What waits."""
        return [str(orjson.loads(raw)) for raw in self._redis.lrange(TASKS, 0, -1)], []

    def close(self) -> None:
        """Close the client."""
        self._held.close()


def tasks() -> Tasks:
    """The queue as written."""
    return Tasks(name="naive queue, LPUSH and BRPOP", make=NaiveQueue)
