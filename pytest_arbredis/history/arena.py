"""Where one thread records: chunks of its own, so that it needs no lock."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from pytest_arbredis.history.layout import INVOCATION, RECORD, SHORT_INPUT, Chunk, Kind

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from pytest_arbredis.history.recording_file import RecordingFile


class Arena:
    """A chunk of records and one of JSON, replaced when they are full.

    Records are in `map`; `slots` gives their offsets. JSON is in `json`, free from `json_at` to `json_end`, and its
    first byte is byte `json_base` of the file.
    """

    __slots__ = ("_file", "json", "json_at", "json_base", "json_end", "map", "slots")

    def __init__(self, file: RecordingFile) -> None:
        self._file = file
        self.json_at = self.json_end = self.json_base = 0
        self.json: mmap.mmap
        self.map: mmap.mmap
        self.slots: Iterator[int] = iter(())

    def slot(self) -> int:
        """The offset in `map` of a record to fill. One that stays empty is no harm."""
        at = next(self.slots, None)
        if at is None:
            span = self._file.chunk(Chunk.RECORDS)
            self.map = span.map
            self.slots = iter(range(span.start, span.end - RECORD.size + 1, RECORD.size))
            at = next(self.slots)
        return at

    def put(self, data: bytes) -> int:
        """Write JSON that a record will point to; gives its position in the file."""
        at = self.json_at
        end = at + len(data)
        if end > self.json_end:
            return self._put_elsewhere(data)
        self.json[at:end] = data
        self.json_at = end
        return self.json_base + at

    def line(self, kind: Kind, number: int, version: int, data: bytes) -> None:
        """Record a line of JSON."""
        position = self.put(data) if len(data) > SHORT_INPUT else 0
        at = self.slot()
        INVOCATION.pack_into(self.map, at, number, version, -1, -1, position, len(data), 0, data, kind)

    def _put_elsewhere(self, data: bytes) -> int:
        span = self._file.chunk(Chunk.JSON, len(data))
        end = span.start + len(data)
        span.map[span.start : end] = data
        if span.end - end > self.json_end - self.json_at:
            self.json, self.json_base, self.json_at, self.json_end = span.map, span.base, end, span.end
        return span.base + span.start


class Arenas(threading.local):
    """The arena of each thread. That of a thread that ended serves the next one."""

    def __init__(self, file: RecordingFile, spare: list[Arena]) -> None:
        try:
            self.arena = spare.pop()
        except IndexError:
            self.arena = Arena(file)
        self._lease = _Lease(self.arena, spare)


class _Lease:
    """Ends with its thread."""

    __slots__ = ("_arena", "_spare")

    def __init__(self, arena: Arena, spare: list[Arena]) -> None:
        self._arena = arena
        self._spare = spare

    def __del__(self) -> None:
        self._spare.append(self._arena)
