"""The pipes to and from a program that may never read, never write, or write without end: every call has a deadline."""

from __future__ import annotations

import os
import select
import time
from typing import IO, Final

LONGEST_LINE: Final = 8 << 20
_CHUNK: Final = 65536


class EndedError(Exception):
    """The program closed its end of a pipe, as it does when it dies."""


class LinePipes:
    """Whole lines to `stdin` and from `stdout`; deadlines are of `time.monotonic()`.

    `number` counts the lines that were read.
    """

    def __init__(self, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self._in, self._out = stdin.fileno(), stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._unsent = b""
        self._read = b""
        self.number = 0

    def send(self, line: bytes, *, until: float) -> bool:
        """Whether any of the line was sent by then; its rest goes out before a later one. Raises `EndedError`."""
        if not self._flush(until):
            return False
        self._unsent = line
        self._flush(until)
        if self._unsent == line:
            self._unsent = b""
            return False
        return True

    def line(self, *, until: float) -> bytes | None:
        """The next line, or None if there is none by then. Raises `EndedError`, for a line without end too."""
        while b"\n" not in self._read:
            if not _ready(self._out, select.POLLIN, until):
                return None
            if len(self._read) > LONGEST_LINE:
                raise EndedError(f"it wrote a line of more than {LONGEST_LINE >> 20} MiB")
            try:
                chunk = os.read(self._out, _CHUNK)
            except BlockingIOError:
                continue
            except OSError as error:
                raise EndedError(f"its standard output cannot be read: {error}") from error
            if not chunk:
                raise EndedError("it closed its standard output")
            self._read += chunk
        found, _, self._read = self._read.partition(b"\n")
        self.number += 1
        return found

    def _flush(self, until: float) -> bool:
        while self._unsent and _ready(self._in, select.POLLOUT, until):
            try:
                written = os.write(self._in, self._unsent)
            except BlockingIOError:
                continue
            except OSError as error:
                raise EndedError("it closed its standard input") from error
            self._unsent = self._unsent[written:]
        return not self._unsent


def _ready(descriptor: int, what: int, until: float) -> bool:
    """Whether the pipe can be read or written before then."""
    poll = select.poll()
    poll.register(descriptor, what)
    return bool(poll.poll(max(0.0, until - time.monotonic()) * 1000))
