"""What a consumer remembers between its takes: the tasks it was told of. Whatever else is held for it goes back."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import uuid4

from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.keyspace.parts import require_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_arbredis.state.queue.task import Task


class Consumer:
    """One consumer: its name, and the tasks that it knows it has. It takes one task at a time."""

    def __init__(self, name: str | None, on_expired: Callable[[Task], object] | None) -> None:
        self.name = require_part("consumer", uuid4().hex if name is None else name)
        self.has: dict[str, Task] = {}
        self._on_expired = on_expired
        self._taking = threading.Lock()

    @contextmanager
    def taking(self) -> Iterator[list[Task]]:
        """While a take is under way; what is put into the list is reported as expired.

        Raises `MisuseError` if another take is: whose task a lost reply was could not be told.
        """
        if not self._taking.acquire(blocking=False):
            raise MisuseError(
                f"the consumer {self.name} takes already", remedy="use a TaskQueue for each thread or task"
            )
        expired: list[Task] = []
        try:
            yield expired
        finally:
            self._taking.release()
            for task in expired:
                if self._on_expired is not None:
                    self._on_expired(task)

    @property
    def knows(self) -> list[bytes]:
        """The elements that it knows it has."""
        return [task.raw for task in tuple(self.has.values())]

    def took(self, task: Task | None) -> Task | None:
        """Remember what it has."""
        if task is not None:
            self.has[task.id] = task
        return task

    @contextmanager
    def finishing(self, task: Task) -> Iterator[None]:
        """While it finishes a task. If that fails, the next take gives it back, should it still be held.

        What it gives back may be taken again before it hears of that: the task that it has then is another delivery.
        """
        try:
            yield
        finally:
            if self.has.get(task.id) == task:
                del self.has[task.id]
