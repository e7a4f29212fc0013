"""The file behind a recorder: memory-mapped, with its space allocated before it is used."""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import secrets
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.history.layout import (
    CHUNK_HEADER,
    CHUNK_KIND_AT,
    FILE_HEADER,
    FILE_SIZE_AT,
    MAGIC,
    ORDER,
    UNIT,
    VERSION,
    Chunk,
)
from pytest_arbredis.history.whereabouts import joined_recording

if TYPE_CHECKING:
    from pathlib import Path

_FORKED: Final = 1_000_000
"""And its process id: the number of a child that was forked."""
_FIRST_EXTENT: Final = 4 * UNIT
_LARGEST_EXTENT: Final = 256 * UNIT
_ZEROS: Final = bytes(UNIT)
_NO_FALLOCATE: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.ENODEV})


class RecordingExistsError(HarnessError):
    """There is a recording of that name already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A chunk to be filled: bytes `start` to `end` of `map`, whose first byte is byte `base` of the file."""

    map: mmap.mmap
    base: int
    start: int
    end: int


class RecordingFile:
    """A file that grows by extents of 256 KiB to 16 MiB, out of which threads are given chunks of their own.

    Space is allocated before it is mapped (`posix_fallocate`, else by writing zeros): a full disk is an error where
    the file grows, and never a SIGBUS where it is written to.
    """

    def __init__(self, path: Path, *, number: int = 0, nonce: bytes = b"", at_once: bool = True) -> None:
        """Create the file, unnamed until `publish`; or prepare to do both when its first chunk is asked for.

        Raises `RecordingExistsError` if there is one already, `HarnessError` where it cannot be.
        """
        self.path = path
        self.nonce = nonce or secrets.token_bytes(16)
        self.number = number
        self._new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
        self._lock = threading.Lock()
        self._closed = False
        self._fd = -1
        self._size = self._base = 0
        self._next = UNIT
        self._extent_size = _FIRST_EXTENT
        self._first: mmap.mmap
        self._map: mmap.mmap
        if at_once:
            self._create()

    @classmethod
    def beside(cls, recording: Path, nonce: bytes) -> Self:
        """A new file beside a recording, with the first number that is free."""
        for number in range(1, _FORKED):
            try:
                file = cls(joined_recording(recording, number), number=number, nonce=nonce)
                file.publish()
            except RecordingExistsError:
                continue
            return file
        raise HarnessError(f"{recording} has too many files beside it", remedy="choose another folder")

    @classmethod
    def of_this_fork(cls, recording: Path, nonce: bytes) -> Self:
        """The file of a child that was forked, which is there once it records something."""
        number = _FORKED + os.getpid()
        return cls(joined_recording(recording, number), number=number, nonce=nonce, at_once=False)

    def publish(self) -> None:
        """Give the file its name, with its first records in it. Raises `RecordingExistsError` if that is taken."""
        FILE_HEADER.pack_into(self._first, 0, MAGIC, ORDER, VERSION, self.number, self.nonce, self._size)
        try:
            _name(self._new, self.path)
        except FileExistsError:
            raise self._exists() from None
        finally:
            self._new.unlink(missing_ok=True)

    def chunk(self, kind: Chunk, size: int = 0) -> Span:
        """A chunk of its own for the caller, with room for `size` bytes. Once closed it is of no file.

        Raises `HarnessError` where the disk is full.
        """
        length = -(-(CHUNK_HEADER.size + size) // UNIT) * UNIT if size else UNIT
        with self._lock:
            if self._closed:
                return Span(map=mmap.mmap(-1, length), base=0, start=CHUNK_HEADER.size, end=length)
            if self._fd < 0:
                self._create()
                self.publish()
            start = self._next
            if start + length > len(self._map):
                self._grow(length)
                start = 0
            if length == UNIT:
                self._warm(self._base + start)
            CHUNK_HEADER.pack_into(self._map, start, length, 0)
            self._map[start + CHUNK_KIND_AT] = kind
            self._next = start + length
            return Span(map=self._map, base=self._base, start=start + CHUNK_HEADER.size, end=start + length)

    def close(self) -> None:
        """Grow no more: who still records writes to nowhere. Idempotent."""
        with self._lock:
            self._closed = True
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1

    def __del__(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _create(self) -> None:
        if self.path.exists():
            raise self._exists()
        try:
            self._fd = os.open(self._new, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise HarnessError(
                f"{self.path} cannot be created: {error.strerror}", remedy="give a folder that exists and is writable"
            ) from error
        try:
            self._first = self._map = self._extent(self._extent_size)
        except BaseException:
            self._new.unlink(missing_ok=True)
            raise

    def _exists(self) -> RecordingExistsError:
        return RecordingExistsError(
            f"{self.path} exists: a recording never overwrites one", remedy="choose another folder"
        )

    def _grow(self, need: int) -> None:
        size = max(min(2 * self._extent_size, _LARGEST_EXTENT), need)
        base = self._size
        try:
            self._map = self._extent(size)
        except HarnessError:
            self._map, size = self._extent(need), need
        self._extent_size = min(size, _LARGEST_EXTENT)
        self._base, self._next = base, 0

    def _warm(self, at: int) -> None:
        """Write zeros over the zeros of a unit: its pages are then in memory at once, not each by a fault of its own.

        Seen on ext4, where it takes a quarter of the time of the faults.
        """
        with contextlib.suppress(OSError):
            os.pwrite(self._fd, _ZEROS, at)

    def _extent(self, size: int) -> mmap.mmap:
        """The next `size` bytes of the file, allocated and mapped."""
        try:
            _allocate(self._fd, self._size, size)
            mapped = mmap.mmap(self._fd, size, offset=self._size)
        except OSError as error:
            raise HarnessError(
                f"the history cannot grow: {error.strerror} ({self.path}, {self._size} bytes)",
                remedy="free some space on its disk, or choose another for the runs (--arbredis-runs-dir)",
            ) from error
        self._size += size
        if self._size > size:
            with memoryview(self._first) as whole, whole.cast("q") as words:
                words[FILE_SIZE_AT // words.itemsize] = self._size
        return mapped


def _name(new: Path, path: Path) -> None:
    """Give a file its name, unless that is taken. Raises `FileExistsError`."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        if path.exists():
            raise FileExistsError(path) from None
        new.rename(path)


def _allocate(fd: int, offset: int, size: int) -> None:
    """Give the file so many bytes more, really: a sparse file could end in SIGBUS. Raises `OSError`."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(fd, offset, size)
        except OSError as error:
            if error.errno not in _NO_FALLOCATE:
                raise
        else:
            return
    at = offset
    while at < offset + size:
        written = os.pwrite(fd, _ZEROS[: offset + size - at], at)
        at += written
