"""What a consumer remembers between its takes: whether it may have been given a task that it was never told of."""

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
    """One consumer: its name, the tasks that it has, and what it does not know. It takes one task at a time."""

    def __init__(self, name: str | None, on_expired: Callable[[Task], object] | None) -> None:
        self.name = require_part("consumer", uuid4().hex if name is None else name)
        self.has: dict[str, bytes] = {}
        self.unsure = name is not None  # under a name of its own somebody may have ended before
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
        except BaseException:
            self.unsure = True
            raise
        else:
            self.unsure = False
        finally:
            self._taking.release()
            for task in expired:
                if self._on_expired is not None:
                    self._on_expired(task)

    @property
    def knows(self) -> list[bytes] | None:
        """The elements that it knows it has, if there may be others; else None."""
        return list(self.has.values()) if self.unsure else None

    def took(self, task: Task | None) -> Task | None:
        """Remember what it has."""
        if task is not None:
            self.has[task.id] = task.raw
        return task

    @contextmanager
    def finishing(self, task: Task) -> Iterator[None]:
        """While it finishes a task. If that fails, the next take gives it back, should it still be held."""
        try:
            yield
        except BaseException:
            self.unsure = True
            raise
        finally:
            self.has.pop(task.id, None)
