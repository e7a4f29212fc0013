"""Recording a history as it happens, into a file that is whole at every instant."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from pytest_arbredis._clock import CLOCK, Clock
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.history.jsonl import dump, load
from pytest_arbredis.history.lines import RECORDING, header_line, packed
from pytest_arbredis.history.records import NOT_SENT, EventName, Evidence, Header, Json, Outcome
from pytest_arbredis.history.slots import SlotFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from pytest_arbredis.history.history import History

_ROOM = 112
"""Bytes that a completion usually adds to an invocation: output, time, node, attempts, confirmed."""


class Token:
    """A line that is open: an operation in flight, or a fault in force."""

    __slots__ = ("done", "line", "offset", "size")

    def __init__(self, line: dict[str, Any], offset: int, size: int) -> None:
        self.line = line
        self.offset = offset
        self.size = size
        self.done = False

    @property
    def id(self) -> int:
        """The id of the operation or fault."""
        return int(self.line["id"])


class OpToken(Token):
    """An operation in flight."""

    __slots__ = ()

    @property
    def invoked_ns(self) -> int:
        """When it was invoked."""
        return int(self.line["invoked_ns"])


class FaultToken(Token):
    """A fault in force."""

    __slots__ = ()


class Recorder:
    """Writes `history.jsonl` so that it can be loaded at every instant, from any number of threads.

    What a method recorded when it returned survives SIGKILL of this process. An operation is on record, as unknown and
    not completed, before its bytes are sent.
    """

    def __init__(self, path: Path, header: Header, clock: Clock = CLOCK) -> None:
        self.path = path
        self.clock = clock
        self._header = header
        self._file = SlotFile(path, self._first_line())
        self._ids = itertools.count()
        self._fault_ids = itertools.count()
        self._closed: History | None = None

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
        line: dict[str, Any] = {
            "type": "op",
            "id": next(self._ids) if id is None else id,
            "process": process,
            "name": name,
            "key": key,
            "input": input,
            "output": None,
            "outcome": "unknown",
            "intended_ns": intended_ns,
            "invoked_ns": self.clock.now_ns(),
            "completed_ns": None,
            "error": None,
        }
        if meta:
            line["meta"] = meta
        return OpToken(line, *self._append(line, _ROOM))

    def invoked(self, token: OpToken, at_ns: int) -> None:
        """Correct the time of an invocation that was recorded ahead: its bytes are sent from now on.

        On disk until its completion stands the earlier time, within which the later one lies.
        """
        token.line["invoked_ns"] = at_ns

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
        line = token.line
        if token.done:
            raise HarnessError(f"operation {token.id} was completed twice", remedy="complete a token once")
        completed = {
            **line,
            "output": output,
            "outcome": outcome,
            "completed_ns": self.clock.now_ns() if completed_ns is None else completed_ns,
            "error": error,
        }
        if node is not None:
            completed["node"] = node
        if attempts is not None:
            completed["attempts"] = attempts
        if confirmed is not None:
            completed["confirmed"] = confirmed
        if entered_ns is not None:
            completed["entered_ns"] = entered_ns
        if meta:
            completed["meta"] = {**line.get("meta", {}), **meta}
        self._update(token, completed)
        token.done = True

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
        now = self.clock.now_ns()
        line: dict[str, Any] = {
            "type": "op",
            "id": next(self._ids),
            "process": process,
            "name": name,
            "key": key,
            "input": input,
            "output": None,
            "outcome": "fail",
            "intended_ns": intended_ns,
            "invoked_ns": now,
            "completed_ns": now,
            "error": NOT_SENT,
        }
        if meta:
            line["meta"] = meta
        self._append(line, 0)

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
        line: dict[str, Any] = {
            "type": "fault",
            "id": next(self._fault_ids),
            "name": name,
            "target": target,
            "nodes": list(nodes),
            "params": dict(params or {}),
            "began_ns": self.clock.now_ns() if began_ns is None else began_ns,
            "ended_ns": None,
            "evidence": _evidence(evidence),
        }
        return FaultToken(line, *self._append(line, 256))

    def fault_observed(self, token: FaultToken, evidence: Evidence) -> None:
        """Record by what a fault was seen; later evidence replaces earlier."""
        self._update(token, {**token.line, "evidence": _evidence(evidence)})

    def fault_ended(self, token: FaultToken, *, evidence: Evidence | None = None, ended_ns: int | None = None) -> None:
        """Record that a fault is healed, now or at `ended_ns`."""
        ended = {**token.line, "ended_ns": self.clock.now_ns() if ended_ns is None else ended_ns}
        if evidence is not None:
            ended["evidence"] = _evidence(evidence)
        self._update(token, ended)

    def event(self, name: EventName, source: str, data: Mapping[str, Json], *, at_ns: int | None = None) -> None:
        """Record something that happened at one instant, now or at `at_ns`."""
        at = self.clock.now_ns() if at_ns is None else at_ns
        self._append({"type": "event", "name": name, "source": source, "at_ns": at, "data": data}, 0)

    def phase(self, name: str) -> None:
        """Record that a phase begins: load, fault, heal, settled or final."""
        self.event("phase", "harness", {"phase": name})

    def note(self, source: str, data: Mapping[str, Json]) -> None:
        """Record a remark."""
        self.event("note", source, data)

    def update_header(self, meta: Mapping[str, Json]) -> None:
        """Add to the header's meta; what outgrows the header's page is in the file from `close` on."""
        self._header = replace(self._header, meta={**self._header.meta, **meta})
        self._file.replace(self._first_line(), offset=0, size=self._file.first_size)

    def close(self) -> History:
        """End the recording: the file becomes compact and sorted. Gives its history; idempotent.

        Operations that are still in flight stay unknown, and what other threads record from now on is dropped.
        """
        if self._closed is None:
            self._file.close()
            recorded = load(self.path)
            self._closed = replace(recorded, header=self._header)
            dump(self._closed, self.path)
        return self._closed

    def _first_line(self) -> bytes:
        return packed({**header_line(self._header), RECORDING: True})

    def _append(self, line: dict[str, Any], room: int) -> tuple[int, int]:
        return self._file.append(packed(line), room=room)

    def _update(self, token: Token, line: dict[str, Any]) -> None:
        data = packed(line)
        if not self._file.replace(data, offset=token.offset, size=token.size):
            old = token.offset, token.size
            token.offset, token.size = self._file.append(data)
            self._file.blank(offset=old[0], size=old[1])
        token.line = line


def _evidence(evidence: Evidence | None) -> dict[str, Json] | None:
    if evidence is None:
        return None
    return {"source": evidence.source, "at_ns": evidence.at_ns, "detail": evidence.detail}
