"""Recording a history as it happens, into a file that is whole at every instant."""

from __future__ import annotations

import itertools
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import orjson

from pytest_arbredis._clock import CLOCK, Clock
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.history import forks
from pytest_arbredis.history.arena import Arenas
from pytest_arbredis.history.history import History
from pytest_arbredis.history.jsonl import dump
from pytest_arbredis.history.layout import (
    COMPLETION,
    IDS_APART,
    INVOCATION,
    INVOKED_AT,
    OUTCOME_AT,
    SHORT_INPUT,
    SHORT_OUTPUT,
    Kind,
)
from pytest_arbredis.history.packing import encoded, evidence_line, header_line, packed, unrecordable
from pytest_arbredis.history.recording import opening_of, read_part, read_recording
from pytest_arbredis.history.recording_file import RecordingFile
from pytest_arbredis.history.records import NOT_SENT, EventName, Evidence, Header, Json, Outcome
from pytest_arbredis.history.texts import Texts
from pytest_arbredis.history.tokens import FaultToken, OpToken
from pytest_arbredis.history.whereabouts import joined_recordings, recording_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

_NUMBER_OF = {"ok": 1, "fail": 2, "unknown": 3}
_OP = int(Kind.OP)
_COMPLETION_AT = INVOCATION.size
_json = orjson.dumps
_invoke = INVOCATION.pack_into
_complete = COMPLETION.pack_into


class Recorder:
    """Records so that the history can be loaded at every instant, from any number of threads; `close` writes `path`.

    Until then it is in `recording_of(path)`, which `load(path)` finds. What a method recorded when it returned
    survives SIGKILL of this process. An operation is on record, as unknown and not completed, before its bytes are
    sent.

    Other processes record into the same run by `Recorder.joined(path)`; one that is forked with a recorder joins by
    itself. Not to be called from a signal handler.
    """

    def __init__(
        self, path: Path, header: Header, clock: Clock = CLOCK, *, joining: RecordingFile | None = None
    ) -> None:
        if path.exists():
            raise HarnessError(f"{path} exists: a recording never overwrites one", remedy="choose another folder")
        self.path = path
        self.clock = clock
        self._now = time.monotonic_ns if clock is CLOCK else clock.now_ns
        self._header = header
        self._closed: History | None = None
        self._record_into(joining or RecordingFile(recording_of(path)))
        if joining is None:
            self._record_header()
            self._file.publish()
        forks.tell(self)

    def _record_into(self, file: RecordingFile) -> None:
        self._file = file
        self._mine = Arenas(file, [])
        first = self._first = file.number * IDS_APART
        self._ids = itertools.count(first)
        self._fault_ids = itertools.count(first)
        self._versions = itertools.count()
        self._texts = Texts(self._mine)
        self._closing = threading.Lock()

    @classmethod
    def joined(cls, path: Path, clock: Clock = CLOCK) -> Recorder:
        """A recorder of this process into the run that another process records at `path`.

        It has a file of its own beside the other's. The one that began closes for all: what is recorded after that is
        dropped. Numbers of operations, faults and processes begin at a multiple of 10⁹, a different one for every
        process that joins. Raises `HarnessError` if there is no recording.
        """
        opening = opening_of(recording_of(path))
        return Recorder(path, opening.header, clock, joining=RecordingFile.beside(recording_of(path), opening.nonce))

    def forked(self) -> None:
        """In a child that was forked: what this process records goes into a file of its own. Done by itself."""
        if self._closed is None:
            self._record_into(RecordingFile.of_this_fork(recording_of(self.path), self._file.nonce))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def next_id(self) -> int:
        """An id for an operation, for a caller that needs it before `begin`."""
        return next(self._ids)

    def begin(
        self,
        *,
        process: int,
        name: str,
        key: str | None = None,
        input: Json = None,
        intended_ns: int | None = None,
        meta: Mapping[str, Json] | None = None,
        id: int | None = None,
    ) -> OpToken:
        """Record an invocation, now: it is on record when this returns, so send its bytes only then."""
        number = next(self._ids) if id is None else id
        try:
            data = _json((key, input, meta) if meta else (key, input), encoded)
        except TypeError as error:
            raise unrecordable("operation", number, error, input) from error
        arena = self._mine.arena
        size = len(data)
        position = arena.put(data) if size > SHORT_INPUT else 0
        token = OpToken()
        token.id = number
        token.at = at = next(arena.slots, 0) or arena.slot()
        token.map = arena.map
        _invoke(
            token.map,
            at,
            number,
            process + self._first,
            self._now(),
            -1 if intended_ns is None else intended_ns,
            position,
            size,
            self._texts[name],
            data,
            _OP,
        )
        return token

    def invoked(self, token: OpToken, at_ns: int) -> None:
        """Correct the time of an invocation that was recorded ahead: its bytes are sent from now on."""
        with memoryview(token.map) as whole, whole.cast("q") as words:
            # One store of eight bytes: whoever reads sees the earlier time or this.
            words[(token.at + INVOKED_AT) // words.itemsize] = at_ns

    def complete(
        self,
        token: OpToken,
        *,
        outcome: Outcome,
        output: Json = None,
        error: str | None = None,
        node: str | None = None,
        attempts: int | None = None,
        confirmed: int | None = None,
        entered_ns: int | None = None,
        completed_ns: int | None = None,
        meta: Mapping[str, Json] | None = None,
    ) -> None:
        """Record what came of an operation, now or at `completed_ns`. `meta` is added to that of its invocation."""
        if token.id < self._first:
            return  # it was in flight when this process was forked, and is its parent's to complete
        at = token.at
        if token.map[at + OUTCOME_AT]:
            raise HarnessError(f"operation {token.id} was completed twice", remedy="complete a token once")
        if output is None and not meta:
            data, position = b"", 0
        else:
            try:
                data = _json((output, meta) if meta else (output,), encoded)
            except TypeError as refused:
                raise unrecordable("operation", token.id, refused, output) from refused
            position = self._mine.arena.put(data) if len(data) > SHORT_OUTPUT else 0
        texts = self._texts
        _complete(
            token.map,
            at + _COMPLETION_AT,
            self._now() if completed_ns is None else completed_ns,
            -1 if entered_ns is None else entered_ns,
            position,
            len(data),
            texts[node],
            texts[error],
            -1 if attempts is None else attempts,
            -1 if confirmed is None else confirmed,
            data,
            _NUMBER_OF[outcome],
        )

    def not_sent(
        self,
        *,
        process: int,
        name: str,
        intended_ns: int,
        key: str | None = None,
        input: Json = None,
        meta: Mapping[str, Json] | None = None,
    ) -> None:
        """Record an operation that was planned but never sent: certainly not applied."""
        token = self.begin(process=process, name=name, key=key, input=input, intended_ns=intended_ns, meta=meta)
        self.complete(token, outcome="fail", error=NOT_SENT, completed_ns=token.invoked_ns)

    def fault_began(
        self,
        *,
        name: str,
        target: str,
        nodes: Sequence[str] = (),
        params: Mapping[str, Json] | None = None,
        began_ns: int | None = None,
        evidence: Evidence | None = None,
    ) -> FaultToken:
        """Record that a fault is in force, since now or since `began_ns`."""
        token = FaultToken(
            {
                "type": "fault",
                "id": next(self._fault_ids),
                "name": name,
                "target": target,
                "nodes": list(nodes),
                "params": dict(params or {}),
                "began_ns": self.clock.now_ns() if began_ns is None else began_ns,
                "ended_ns": None,
                "evidence": evidence_line(evidence),
            }
        )
        self._record_fault(token, token.line)
        return token

    def fault_observed(self, token: FaultToken, evidence: Evidence) -> None:
        """Record by what a fault was seen; later evidence replaces earlier."""
        self._record_fault(token, {**token.line, "evidence": evidence_line(evidence)})

    def fault_ended(self, token: FaultToken, *, evidence: Evidence | None = None, ended_ns: int | None = None) -> None:
        """Record that a fault is healed, now or at `ended_ns`."""
        ended = {**token.line, "ended_ns": self.clock.now_ns() if ended_ns is None else ended_ns}
        if evidence is not None:
            ended["evidence"] = evidence_line(evidence)
        self._record_fault(token, ended)

    def event(self, name: EventName, source: str, data: Mapping[str, Json], *, at_ns: int | None = None) -> None:
        """Record something that happened at one instant, now or at `at_ns`."""
        at = self.clock.now_ns() if at_ns is None else at_ns
        line = packed({"type": "event", "name": name, "source": source, "at_ns": at, "data": data})
        self._mine.arena.line(Kind.EVENT, 0, 0, line)

    def phase(self, name: str) -> None:
        """Record that a phase begins: load, fault, heal, settled or final."""
        self.event("phase", "harness", {"phase": name})

    def note(self, source: str, data: Mapping[str, Json]) -> None:
        """Record a remark."""
        self.event("note", source, data)

    def update_header(self, meta: Mapping[str, Json]) -> None:
        """Add to the header's meta."""
        self._header = replace(self._header, meta={**self._header.meta, **meta})
        self._record_header()

    def close(self) -> History:
        """End the recording: the file becomes `history.jsonl`, compact and sorted. Gives its history; idempotent.

        Operations that are still in flight stay unknown, and what others record from now on is dropped. A recorder
        that joined gives only what it recorded itself, and leaves its file to the one that began.
        """
        with self._closing:
            if self._closed is None:
                self._file.close()
                self._closed = self._own_part() if self._file.number else self._export()
        return self._closed

    def _own_part(self) -> History:
        path = self._file.path
        return read_part(path, self._header) if path.exists() else History(header=self._header)

    def _export(self) -> History:
        recording = self._file.path
        history = replace(read_recording(recording), header=self._header)
        dump(history, self.path)
        for path in (recording, *joined_recordings(recording)):
            path.unlink(missing_ok=True)
        return history

    def _record_header(self) -> None:
        self._mine.arena.line(Kind.HEADER, 0, next(self._versions), packed(header_line(self._header)))

    def _record_fault(self, token: FaultToken, line: dict[str, Any]) -> None:
        self._mine.arena.line(Kind.FAULT, token.id, next(self._versions), packed(line))
        token.line = line
