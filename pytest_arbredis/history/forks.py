"""Children that are forked with something that must know that it is in a child now."""

from __future__ import annotations

import os
import weakref
from typing import Final, Protocol


class ToldOfForks(Protocol):
    """What `tell` was called with."""

    def forked(self) -> None:
        """Called in the child, before it does anything else."""


_told: Final[weakref.WeakSet[ToldOfForks]] = weakref.WeakSet()


def tell(one: ToldOfForks) -> None:
    """Call its `forked` in every child that is forked while it lives."""
    _told.add(one)


def _after_fork() -> None:
    for one in list(_told):
        one.forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
