"""A file of lines that can be replaced in place, and that SIGKILL of the writer cannot tear."""

from __future__ import annotations

import os
import threading
import weakref
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import HarnessError

if TYPE_CHECKING:
    from pathlib import Path

PAGE: Final = 4096
SMALLEST: Final = 512
_EXTENT: Final = 16 * PAGE


class SlotFile:
    """Lines in slots of 512, 1024, 2048 or 4096 bytes, aligned to their size and padded with spaces.

    The kernel copies a write that lies within one page in one go and looks for a fatal signal only between pages
    (`generic_perform_write`), so such a write is there whole or not at all. The file grows by extents of blank lines,
    and slots are then filled in place. A line longer than a page is appended at the end of the file: a torn one is its
    last line, without a newline.
    """

    def __init__(self, path: Path, first_line: bytes) -> None:
        """Create the file with `first_line` in a page of its own. Raises `HarnessError` if there is one already."""
        if path.exists():
            raise HarnessError(f"{path} exists: a recording never overwrites one", remedy="choose another folder")
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            self._fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
            self._release = weakref.finalize(self, os.close, self._fd)
            self.first_size = self._end = -(-(len(first_line) + 1) // PAGE) * PAGE
            os.pwrite(self._fd, _padded(first_line, self._end), 0)
            temporary.rename(path)
        except OSError as error:
            raise HarnessError(
                f"{path} cannot be created: {error.strerror}", remedy="give a folder that exists and is writable"
            ) from error
        self._lock = threading.Lock()
        self._next = self._end
        self._free: list[int] = []

    def append(self, line: bytes, *, room: int = 0) -> tuple[int, int]:
        """Write a line into a new slot that has `room` more bytes. Gives its offset and size."""
        need = len(line) + 1 + room
        if need > PAGE >= len(line) + 1:
            need = PAGE
        if need > PAGE:
            with self._lock:
                offset = self._end
                self._end = self._next = -(-(offset + len(line) + 1) // PAGE) * PAGE
                size = self._end - offset
                self._write(_padded(line, size), offset)
            return offset, size
        size = SMALLEST
        while size < need:
            size *= 2
        with self._lock:
            offset = self._slot(size)
        self._write(_padded(line, size), offset)
        return offset, size

    def replace(self, line: bytes, *, offset: int, size: int) -> bool:
        """Put another line into a slot; False if it cannot be done in one go."""
        if len(line) >= size or size > PAGE:
            return False
        self._write(_padded(line, size), offset)
        return True

    def blank(self, *, offset: int, size: int) -> None:
        """Empty a slot, unless it is longer than a page (then its line stays, and a newer one supersedes it)."""
        if size <= PAGE:
            self._write(_padded(b"", size), offset)

    def close(self) -> None:
        """Write no more. Late writers of other threads write to nowhere; the descriptor is released with its owner."""
        with self._lock:
            nowhere = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
            os.dup2(nowhere, self._fd, inheritable=False)
            os.close(nowhere)

    def _slot(self, size: int) -> int:
        """An offset inside the blank end of the file, aligned to `size`; gaps serve later small slots."""
        if size == SMALLEST and self._free:
            return self._free.pop()
        offset = -(-self._next // size) * size
        self._free.extend(range(self._next, offset, SMALLEST))
        if offset + size > self._end:
            self._write((b" " * (SMALLEST - 1) + b"\n") * (_EXTENT // SMALLEST), self._end)
            self._end += _EXTENT
        self._next = offset + size
        return offset

    def _write(self, data: bytes, offset: int) -> None:
        try:
            written = os.pwrite(self._fd, data, offset)
        except OSError as error:
            raise HarnessError(
                f"the history cannot be written: {error.strerror}", remedy="free some space on its disk"
            ) from error
        if written != len(data):
            raise HarnessError("the history cannot be written whole", remedy="free some space on its disk")


def _padded(line: bytes, size: int) -> bytes:
    return line.ljust(size - 1) + b"\n"
