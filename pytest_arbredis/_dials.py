"""Connections that this process makes, by address: the code's under test, told apart from the harness's own.

The interpreter tells of each by its audit event `socket.connect`, also of one that is refused, which no server sees.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Address = tuple[str, int]

DIALS: Counter[Address] = Counter()
"""How often this process connected, or tried to, since `watch_dials`, without the harness's own connections."""

_ours = threading.local()


@functools.cache
def watch_dials() -> None:
    """Count from now on. Once; audit hooks cannot be removed."""
    sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not getattr(_ours, "dialling", False):
        address = arguments[1]
        if isinstance(address, tuple) and len(address) >= 2:
            DIALS[address[0], address[1]] += 1


@contextlib.contextmanager
def harness_dials() -> Iterator[None]:
    """Connections made by this thread within are the harness's own."""
    before = getattr(_ours, "dialling", False)
    _ours.dialling = True
    try:
        yield
    finally:
        _ours.dialling = before
