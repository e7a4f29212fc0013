"""history.jsonl, version 1: a history as a file, and back."""

from __future__ import annotations

import gc
import os
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.history import History
from pytest_arbredis.history.interning import identity_of
from pytest_arbredis.history.intervals import first_overlap
from pytest_arbredis.history.lines import (
    RECORDING,
    LineError,
    Record,
    loaded,
    parse_header,
    parse_record,
    warn_left_out,
)
from pytest_arbredis.history.packing import header_line, packed, record_line
from pytest_arbredis.history.recording import read_recording
from pytest_arbredis.history.records import Event, FaultRecord, Header, Op
from pytest_arbredis.history.whereabouts import SUFFIX, located

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_REMEDY = "mend or remove that line; the format is described in docs/history.md as history.jsonl, version 1"


def load(path: Path) -> History:
    """The history in a run's folder or in a file, closed or as its recorder holds it or left it when it was killed.

    Raises `MalformedHistoryError`, which names the line. Lines of unknown kinds are left out with one `HistoryWarning`.
    """
    found = located(path)
    collecting = gc.isenabled()
    gc.disable()  # a million new records make the collector walk all of them, again and again
    try:
        return _read(found, path)
    finally:
        if collecting:
            gc.enable()


def _read(found: Path, path: Path) -> History:
    if found.suffix != SUFFIX:
        return _Reader(found).history()
    try:
        return read_recording(found)
    except MalformedHistoryError:
        closed = located(path)  # its recorder may have closed it meanwhile
        if closed == found:
            raise
        return _Reader(closed).history()


def header_of(path: Path) -> Header:
    """The header alone, without reading the rest of a file. Raises `MalformedHistoryError`."""
    found = located(path)
    return _read(found, path).header if found.suffix == SUFFIX else _Reader(found).first_line()


def encode(record: Header | Record) -> bytes:
    """The line of one record, without its newline."""
    return packed(header_line(record) if isinstance(record, Header) else record_line(record))


def dump(history: History, path: Path) -> None:
    """Write a history, by time, in place of whatever `path` was: at every instant one or the other is there whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    records: list[Record] = sorted([*history.ops, *history.faults, *history.events], key=_time_of)
    try:
        with temporary.open("wb") as file:
            file.write(encode(history.header) + b"\n")
            file.writelines(encode(record) + b"\n" for record in records)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _time_of(record: Record) -> int:
    if isinstance(record, Op):
        return record.invoked_ns
    return record.began_ns if isinstance(record, FaultRecord) else record.at_ns


class _Reader:
    """One reading of one file: what was seen so far, and in which line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self.ops: dict[int, Op] = {}
        self.faults: dict[int, FaultRecord] = {}
        self.events: list[Event] = []
        self.lines: dict[int, int] = {}
        self.ignored: Counter[str] = Counter()

    def history(self) -> History:
        """Read it all."""
        number = 1
        try:
            for number, line in self._lines():
                self._take(number, line)
        except (LineError, orjson.JSONDecodeError) as error:
            raise self._bad(number, error) from error
        if self.header is None:
            raise self._bad(1, "the file has no header: it is empty")
        self._one_at_a_time()
        warn_left_out(self.path, self.ignored, stacklevel=4)
        return History.of(self.header, self._records())

    def first_line(self) -> Header:
        """Read no further than the header."""
        try:
            with self.path.open("rb") as file:
                numbered = ((number, line) for number, line in enumerate(file, 1) if line.strip())
                number, line = next(numbered, (1, b""))
        except OSError as error:
            raise self._unreadable(error) from error
        try:
            self._take(number, line)
        except (LineError, orjson.JSONDecodeError) as error:
            raise self._bad(number, error) from error
        if self.header is None:
            raise self._bad(number, "the file has no header: it is empty")
        return self.header

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise self._unreadable(error) from error
        lines = content.split(b"\n")
        last = lines.pop()
        for number, line in enumerate(lines, 1):
            stripped = line.strip()
            if stripped:
                yield number, stripped
        if last.strip():
            if self.header is not None and self.header.extra.get(RECORDING):
                self.ignored["torn last line"] += 1
            else:
                yield len(lines) + 1, last.strip()

    def _take(self, number: int, line: bytes) -> None:
        raw = loaded(line)
        if type(raw) is not dict:
            raise LineError("not a JSON object")
        if self.header is None:
            self.header = parse_header(raw)
            return
        record = parse_record(raw)
        if isinstance(record, Op):
            known = self.ops.get(record.id)
            self.ops[record.id] = record if known is None else _newer_op(known, record)
            self.lines[record.id] = number
        elif isinstance(record, FaultRecord):
            before = self.faults.get(record.id)
            self.faults[record.id] = record if before is None else _newer_fault(before, record)
        elif isinstance(record, Event):
            self.events.append(record)
        else:
            self.ignored[record] += 1

    def _one_at_a_time(self) -> None:
        """A process has one operation at a time; one that was never sent has no interval."""
        overlap = first_overlap(self.ops.values())
        if overlap is not None:
            where = f" (line {self.lines[overlap.earlier.id]})"
            raise self._bad(self.lines[overlap.later.id], overlap.text(where))

    def _records(self) -> Iterable[Record]:
        yield from self.ops.values()
        yield from self.faults.values()
        yield from self.events

    def _unreadable(self, error: OSError) -> MalformedHistoryError:
        return MalformedHistoryError(
            f"{self.path} cannot be read: {error.strerror}", remedy="name a readable history.jsonl"
        )

    def _bad(self, number: int, what: str | Exception) -> MalformedHistoryError:
        if self.header is None and isinstance(what, orjson.JSONDecodeError):
            return MalformedHistoryError(
                f"{self.path} is not a history.jsonl: its line {number} is no JSON ({what.msg})",
                remedy="name a history.jsonl, unpacked, or the folder of a run; docs/history.md describes the format",
            )
        return MalformedHistoryError(f"{self.path}, line {number}: {what}", remedy=_REMEDY)


def _newer_op(one: Op, other: Op) -> Op:
    """Of two lines of one operation the completed one: a killed recorder may leave both."""
    in_flight, completed = (one, other) if one.completed_ns is None else (other, one)
    same = (in_flight.process, in_flight.name, in_flight.key, in_flight.invoked_ns)
    if (
        in_flight.completed_ns is not None
        or completed.completed_ns is None
        or same != (completed.process, completed.name, completed.key, completed.invoked_ns)
        or identity_of(in_flight.input) != identity_of(completed.input)
    ):
        raise LineError(f"operation {one.id} is there twice")
    return completed


def _newer_fault(one: FaultRecord, other: FaultRecord) -> FaultRecord:
    """Of two lines of one fault the fuller one."""
    fuller = max(one, other, key=lambda fault: (fault.ended_ns is not None, fault.evidence is not None))
    emptier = one if fuller is other else other
    if replace(emptier, ended_ns=fuller.ended_ns, evidence=fuller.evidence) != fuller or one == other:
        raise LineError(f"fault {one.id} is there twice")
    return fuller
