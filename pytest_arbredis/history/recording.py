"""Reading a recording: one that goes on, or one whose recorder was killed."""

from __future__ import annotations

import mmap
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from pytest_arbredis.errors import HarnessError, MalformedHistoryError
from pytest_arbredis.history.history import History
from pytest_arbredis.history.intervals import first_overlap
from pytest_arbredis.history.layout import (
    CHUNK_HEADER,
    FILE_HEADER,
    KIND_AT,
    MAGIC,
    ORDER,
    OUTCOME_AT,
    OUTCOMES,
    RECORD,
    RECORDS_IN_UNIT,
    UNIT,
    VERSION,
    Chunk,
    Kind,
)
from pytest_arbredis.history.lines import RECORDING, HistoryWarning, LineError, decoded, parse_header, parse_record
from pytest_arbredis.history.records import Event, FaultRecord, Header, Op
from pytest_arbredis.history.whereabouts import joined_recordings

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from pytest_arbredis.history.lines import Record

_REMEDY = "a recording is read where it was made and as it was left; a whole history is a history.jsonl"

READINGS = 4
"""Of a recording that is written meanwhile, an operation may be seen as open, and the next of its process begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a recording begins with: what its joined files share with it, and its header."""

    nonce: bytes
    header: Header


def opening_of(recording: Path) -> Opening:
    """The beginning of a recording that another process may join. Raises `HarnessError` if there is none."""
    if not recording.exists():
        raise HarnessError(
            f"nothing is recorded at {recording}: it has not begun, or was closed",
            remedy="join after the process that records has made its Recorder, and before it closes it",
        )
    with _Reader(recording) as reader:
        reader.records()
        return Opening(nonce=reader.nonce, header=reader.newest_header())


def read_recording(path: Path) -> History:
    """The history in a recording and in the files of those who joined it; what is in flight is unknown.

    Its header is marked as of a recording. Raises `MalformedHistoryError` for what no recorder leaves behind, however
    it was killed.
    """
    for _ in range(READINGS - 1):
        history = _read_once(path)
        if first_overlap(history.ops) is None:
            return history
    history = _read_once(path)
    overlap = first_overlap(history.ops)
    if overlap is not None:
        raise MalformedHistoryError(f"{path}: {overlap.text()}", remedy="give every thread and task a process number")
    return history


def _read_once(path: Path) -> History:
    with _Reader(path) as reader:
        records = reader.records()
        header = reader.newest_header()
        nonce = reader.nonce
    for other in joined_recordings(path):
        try:
            with _Reader(other) as part:
                joined = part.records() if part.nonce == nonce else None
        except _UnfinishedError:
            continue  # its process was killed before it recorded anything
        except MalformedHistoryError:
            if not other.exists():
                continue
            raise
        if joined is None:
            warnings.warn(f"{other} is of another recording: left out", HistoryWarning, stacklevel=3)
        else:
            records += joined
    return History.of(replace(header, extra={**header.extra, RECORDING: True}), records)


def read_part(path: Path, header: Header) -> History:
    """What one process recorded that joined."""
    with _Reader(path) as reader:
        return History.of(header, reader.records())


class _UnfinishedError(MalformedHistoryError):
    """The recorder was killed before the file became a recording."""


class _Reader:
    """One reading of one file, which may grow meanwhile.

    What says that a record is whole is read before the record is: then all of it is there, whatever else is written
    meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._texts: dict[int, str] = {}
        self._headers: list[tuple[int, Header]] = []
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise MalformedHistoryError(
                f"{path} cannot be read: {error.strerror}", remedy="name a readable history.jsonl"
            ) from error
        try:
            self._map = self._mapped()
        except BaseException:
            self._file.close()
            raise
        try:
            self.nonce = self._checked()
        except BaseException:
            self._close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def newest_header(self) -> Header:
        """The header as it was last recorded; after `records`."""
        if not self._headers:
            raise self._bad("it has no header")
        return max(self._headers, key=lambda one: one[0])[1]

    def records(self) -> list[Record]:
        """Everything that was whole when this began, and some of what came later."""
        at = "?"
        try:
            outcomes = {start: self._map[start + OUTCOME_AT : end : RECORD.size] for start, end in self._chunks()}
            kinds = {start: (end, self._map[start + KIND_AT : end : RECORD.size]) for start, end in self._chunks()}
            fields = {start: self._fields(start, present) for start, (_, present) in kinds.items()}
            self._read_texts(kinds, fields)
            found: list[Record] = []
            faults: dict[int, tuple[int, FaultRecord]] = {}
            for start, (_, present) in kinds.items():
                completed = outcomes.get(start, b"")
                for number, (kind, record) in enumerate(zip(present, fields[start], strict=False)):
                    if kind == Kind.OP:
                        at = f"operation {record[0]}"
                        found.append(self._op(record, completed[number] if number < len(completed) else 0))
                    elif kind and kind != Kind.TEXT:
                        at = f"the record at byte {start + number * RECORD.size}"
                        self._line(kind, record, found, faults)
        except (LineError, LookupError, ValueError, TypeError) as error:
            raise self._bad(f"{at} is damaged ({error})") from error
        found.extend(fault for _, fault in faults.values())
        return found

    def _op(self, record: tuple[Any, ...], completed: int) -> Op:
        number, process, invoked_ns, intended_ns, position, size, name, short = record[:8]
        key, value, *more = orjson.loads(self._json(position, size, short))
        meta = decoded(more[0]) if more else {}
        started = {
            "id": number,
            "process": process,
            "name": self._texts[name],
            "key": key,
            "input": decoded(value),
            "intended_ns": None if intended_ns < 0 else intended_ns,
            "invoked_ns": invoked_ns,
        }
        if not completed:
            return Op(**started, meta=meta)
        completed_ns, entered_ns, position, size, node, error, attempts, confirmed, short = record[9:18]
        output: Any = None
        if size:
            output, *more = orjson.loads(self._json(position, size, short))
            if more:
                meta = {**meta, **decoded(more[0])}
        return Op(
            **started,
            output=decoded(output),
            outcome=OUTCOMES[completed - 1],
            completed_ns=completed_ns,
            error=self._texts[error] if error else None,
            node=self._texts[node] if node else None,
            attempts=None if attempts < 0 else attempts,
            confirmed=None if confirmed < 0 else confirmed,
            entered_ns=None if entered_ns < 0 else entered_ns,
            meta=meta,
        )

    def _line(
        self, kind: int, record: tuple[Any, ...], found: list[Record], faults: dict[int, tuple[int, FaultRecord]]
    ) -> None:
        """One that has its JSON line."""
        number, version = record[:2]
        raw = orjson.loads(self._json(record[4], record[5], record[7]))
        if kind == Kind.HEADER:
            self._headers.append((version, parse_header(raw)))
            return
        parsed = parse_record(raw)
        if isinstance(parsed, FaultRecord):
            if number not in faults or faults[number][0] < version:
                faults[number] = (version, parsed)
        elif isinstance(parsed, Event):
            found.append(parsed)
        else:
            raise LineError(f"it is of kind {kind}")

    def _read_texts(self, kinds: dict[int, tuple[int, bytes]], fields: dict[int, list[tuple[Any, ...]]]) -> None:
        for start, (_, present) in kinds.items():
            for kind, record in zip(present, fields[start], strict=False):
                if kind == Kind.TEXT:
                    self._texts[record[0]] = orjson.loads(self._json(record[4], record[5], record[7]))

    def _fields(self, start: int, present: bytes) -> list[tuple[Any, ...]]:
        """Of the records up to the last that is there: most of a small recording is empty."""
        count = len(present.rstrip(b"\0"))
        return list(RECORD.iter_unpack(self._map[start : start + count * RECORD.size]))

    def _json(self, position: int, size: int, short: bytes) -> bytes:
        if not position and size <= len(short):
            return short[:size]
        end = position + size
        if position < UNIT or (end > len(self._map) and not self._reaches(end)):
            raise LookupError(f"it points to byte {position}, outside of the file")
        return self._map[position:end]

    def _reaches(self, end: int) -> bool:
        """Whether the file has grown to there since it was mapped: a record of an early chunk may be younger."""
        self._map.close()
        self._map = self._mapped()
        return end <= len(self._map)

    def _mapped(self) -> mmap.mmap:
        try:
            return mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:
            raise self._unfinished() from None
        except OSError as error:
            raise self._bad(f"it cannot be read: {error.strerror}") from error

    def _close(self) -> None:
        self._map.close()
        self._file.close()

    def _chunks(self) -> list[tuple[int, int]]:
        """Where the records of every chunk of records begin and end."""
        found: list[tuple[int, int]] = []
        at = UNIT
        while at + CHUNK_HEADER.size <= len(self._map):
            length, kind = CHUNK_HEADER.unpack_from(self._map, at)
            if not kind:
                at += UNIT
                continue
            if kind not in (Chunk.RECORDS, Chunk.JSON) or length <= 0 or length % UNIT or at + length > len(self._map):
                raise self._bad(f"what begins at byte {at} is no chunk of a recording")
            if kind == Chunk.RECORDS:
                found.append((at + CHUNK_HEADER.size, at + CHUNK_HEADER.size + RECORDS_IN_UNIT * RECORD.size))
            at += length
        return found

    def _checked(self) -> bytes:
        if len(self._map) < FILE_HEADER.size:
            raise self._unfinished()
        magic, order, version, _, nonce, size = FILE_HEADER.unpack_from(self._map)
        if magic == bytes(len(MAGIC)):
            raise self._unfinished()
        if magic != MAGIC:
            raise self._bad("it is no recording of a history")
        if order != ORDER:
            raise self._bad("it was recorded on a machine of another byte order")
        if version != VERSION:
            raise self._bad(f"version is {version}; this arbredis reads version {VERSION}")
        if size > len(self._map):
            raise self._bad(f"it is truncated: {len(self._map)} of {size} bytes are there")
        return bytes(nonce)

    def _bad(self, what: str) -> MalformedHistoryError:
        return MalformedHistoryError(f"{self.path}: {what}", remedy=_REMEDY)

    def _unfinished(self) -> MalformedHistoryError:
        return _UnfinishedError(
            f"{self.path}: its recorder was killed before it recorded anything", remedy="run it again"
        )
