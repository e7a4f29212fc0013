"""Limits of time and memory on a piece of work: beyond them it is given up, and the verdict is unknown."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

LOOKS_EVERY_S = 0.05
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


class BeyondLimitError(BaseException):
    """A limit was passed; no `except Exception` on the way keeps the work going."""


@contextlib.contextmanager
def limited(*, seconds: float | None, memory_bytes: int | None, of_seconds: float | None = None) -> Iterator[None]:
    """Raise `BeyondLimitError` in this block once it took longer, or this process holds more memory. Main thread only.

    Both are looked at every 50 ms, between two steps of Python: one call into numpy is not interrupted. The error names
    `of_seconds`, if this block has what is left of that.
    """
    if seconds is None and memory_bytes is None:
        yield
        return
    ends = None if seconds is None else time.monotonic() + seconds
    named_s = seconds if of_seconds is None else of_seconds

    def look(_number: int, _frame: FrameType | None) -> None:
        if ends is not None and time.monotonic() >= ends:
            raise BeyondLimitError(f"not decided within {named_s:g} s")
        if memory_bytes is not None and (held := resident_bytes()) > memory_bytes:
            raise BeyondLimitError(f"not decided within {readable(memory_bytes)} of memory ({readable(held)} held)")

    look(0, None)
    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOKS_EVERY_S, LOOKS_EVERY_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def resident_bytes() -> int:
    """The memory that this process holds; where the system does not tell, the most that it ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return pages * os.sysconf("SC_PAGE_SIZE")


def bytes_of(text: str) -> int:
    """Bytes of a text such as `512M`, `2GiB` or `1.5GB`. Raises `UsageError`."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?i?)b?", text.strip().lower())
    if found is None or found[2] not in _UNITS or not float(found[1]):
        raise UsageError(f"{text!r} is no amount of memory", remedy="write it like 512M or 2GiB")
    return int(float(found[1]) * _UNITS[found[2]])


def readable(count: int) -> str:
    """An amount of memory for people."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
