"""A forked child has its parent's sockets, and must not use them: its pools begin with nothing."""

from __future__ import annotations

import os
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis.state.connections.calls import Calls

_CALLS: weakref.WeakSet[Calls] = weakref.WeakSet()


def watch_forks(calls: Calls) -> None:
    """Empty their pool in every child."""
    _CALLS.add(calls)


def _in_child() -> None:
    for calls in tuple(_CALLS):
        calls.forget()


os.register_at_fork(after_in_child=_in_child)
