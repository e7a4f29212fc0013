"""Columns straight from a history.jsonl, for millions of operations: no object an operation is ever made."""

from __future__ import annotations

import gc
import secrets
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.columns import NEVER, Columns, columns_of
from pytest_arbredis.history.history import History
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.lines import RECORDING, LineError, parse_header, parse_record, warn_left_out
from pytest_arbredis.history.op_batches import OpBatches, UnusualError
from pytest_arbredis.history.records import Event, FaultRecord
from pytest_arbredis.history.whereabouts import SUFFIX, located

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import BufferedReader
    from pathlib import Path

    from pytest_arbredis.history.records import Header

_STEPS: Final = 100
_AT_ONCE: Final = 128 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnHistory:
    """A history whose operations are columns: `rest` has its header, faults and events, and no operations."""

    columns: Columns
    rest: History


def load_columns(path: Path, progress: Callable[[float], None] | None = None) -> ColumnHistory:
    """What `load` reads, and `columns_of` its history: the same columns, errors and warnings.

    `progress` is told the share that is read, from 0 to 1. A million operations take some 4 s and 0.3 GiB.
    """
    found = located(path)
    tell = progress or _nobody
    if found.suffix == SUFFIX:
        return _from_objects(path)
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _Reading(found).read(tell)
    except (UnusualError, LineError, orjson.JSONDecodeError):
        # Something is wrong with the file, or it was left by a killed recorder: `load` says what, with its line.
        return _from_objects(path)
    finally:
        if collecting:
            gc.enable()
        tell(1.0)


def _nobody(share: float, /) -> None:
    """Takes the progress that nobody asked for."""


def _from_objects(path: Path) -> ColumnHistory:
    history = load(path)
    return ColumnHistory(columns=columns_of(history), rest=replace(history, ops=()))


class _Reading:
    """One reading of one file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.header: Header | None = None
        self.others: list[FaultRecord | Event] = []
        self.ignored: Counter[str] = Counter()
        self.batches = OpBatches()

    def read(self, progress: Callable[[float], None]) -> ColumnHistory:
        """Read it all."""
        try:
            with self.path.open("rb") as file:
                self._lines(file, progress, self.path.stat().st_size)
        except OSError as error:
            raise MalformedHistoryError(
                f"{self.path} cannot be read: {error.strerror}", remedy="name a readable history.jsonl"
            ) from error
        if self.header is None or self.header.extra.get(RECORDING):
            raise UnusualError
        faults = [other.id for other in self.others if isinstance(other, FaultRecord)]
        if len(set(faults)) < len(faults):
            raise UnusualError
        columns = self.batches.columns()
        require_one_at_a_time(columns)
        warn_left_out(self.path, self.ignored, stacklevel=3)
        return ColumnHistory(columns=columns, rest=History.of(self.header, self.others))

    def _lines(self, file: BufferedReader, progress: Callable[[float], None], size: int) -> None:
        done, tell_at = 0, size / _STEPS
        at_once = min(_AT_ONCE, size // _STEPS) or 1
        while lines := file.readlines(at_once):
            done = file.tell()
            self._take(_decoded(lines))
            if done > tell_at:
                progress(min(done / size, 1.0))
                tell_at = done + size / _STEPS

    def _take(self, raws: list[Any]) -> None:
        if set(map(type, raws)) - {dict}:
            raise UnusualError
        if self.header is None and raws:
            self.header = parse_header(raws.pop(0))
        ops = [raw for raw in raws if raw.get("type") == "op"]
        self.batches.extend(ops)
        if len(ops) < len(raws):
            for raw in raws:
                self._other(raw)

    def _other(self, raw: dict[str, Any]) -> None:
        record = None if raw.get("type") == "op" else parse_record(raw)
        if isinstance(record, str):
            self.ignored[record] += 1
        elif isinstance(record, (FaultRecord, Event)):
            self.others.append(record)


def _decoded(lines: list[bytes]) -> list[Any]:
    """The values of lines, empty ones left out. Raises `orjson.JSONDecodeError` if any is bad.

    They are decoded as one array, with a number between each two that nobody can foresee: if it is not where it was
    put, some line is not one whole value.
    """
    between = secrets.randbits(60)
    try:
        found: list[Any] = orjson.loads(b"[" + (b",%d," % between).join(lines) + b"]")
    except orjson.JSONDecodeError:
        found = []
    if len(found) == 2 * len(lines) - 1 and found[1::2].count(between) == len(lines) - 1:
        return found[::2]
    return [orjson.loads(line) for line in lines if not line.isspace()]


def require_one_at_a_time(columns: Columns) -> None:
    """Raise `UnusualError` if two operations have one id, or a process has two at a time."""
    import numpy as np

    ids = np.sort(columns.id)
    if bool((ids[1:] == ids[:-1]).any()):
        raise UnusualError
    sent = np.flatnonzero(columns.sent)
    order = sent[np.lexsort((columns.completed_ns[sent], columns.invoked_ns[sent], columns.process[sent]))]
    process, invoked, completed = (
        array[order] for array in (columns.process, columns.invoked_ns, columns.completed_ns)
    )
    early = (invoked[1:] < completed[:-1]) | (completed[:-1] == NEVER)
    if bool(((process[1:] == process[:-1]) & early).any()):
        raise UnusualError
