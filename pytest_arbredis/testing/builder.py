"""A terse way to write a small history by hand, in milliseconds: what a check is tested with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Event, Evidence, FaultRecord, Header, Json, Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.history.records import EventName, Outcome

At = float | tuple[float, float | None]
"""Milliseconds: one instant, or (begin, end); an end of None is not on record."""

FINAL_PROCESS = 1000
"""The process of final reads, unless another is given."""


class HistoryBuilder:
    """Records of one history, added in any order; ids are given in the order of the calls, from 0.

    Methods that add an operation or a fault return its id. An operation at one instant takes no time.
    """

    def __init__(
        self, *, seed: int = 0, subject: str = "by hand", rate_hz: float | None = None, load: At | None = None
    ) -> None:
        self.meta: dict[str, Json] = {}
        if rate_hz is not None:
            self.meta["rate_hz"] = rate_hz
        if load is not None:
            began, ended = _span(load)
            self.meta |= {"load_from_ns": began, "load_until_ns": ended}
        self._seed = seed
        self._subject = subject
        self._ops: list[Op] = []
        self._faults: list[FaultRecord] = []
        self._events: list[Event] = []

    def op(
        self,
        name: str,
        key: str | None = None,
        *,
        at: At,
        input: Json = None,
        output: Json = None,
        process: int | None = None,
        outcome: Outcome = "ok",
        node: str | None = None,
        error: str | None = None,
        confirmed: int | None = None,
        attempts: int | None = None,
        intended: float | None = None,
        tried: Iterable[str] | None = None,
        final: bool = False,
        meta: Mapping[str, Json] | None = None,
        entered: float | None = None,
    ) -> int:
        """Any operation; `intended` and `entered` are in milliseconds, None where they are not on record."""
        invoked_ns, completed_ns = _span(at)
        told: dict[str, Json] = dict(meta or {})
        if tried is not None:
            told["tried"] = [*tried]
        if final:
            told["final"] = True
        record = Op(
            id=len(self._ops),
            process=(FINAL_PROCESS if final else 0) if process is None else process,
            name=name,
            key=key,
            input=input,
            output=output,
            outcome=outcome,
            intended_ns=None if intended is None else _ns(intended),
            invoked_ns=invoked_ns,
            completed_ns=completed_ns,
            error=error,
            node=node,
            attempts=attempts,
            confirmed=confirmed,
            entered_ns=None if entered is None else _ns(entered),
            meta=told,
        )
        self._ops.append(record)
        return record.id

    def write(
        self,
        key: str,
        value: Json,
        *,
        at: At,
        process: int = 0,
        outcome: Outcome = "ok",
        node: str | None = None,
        error: str | None = None,
        confirmed: int | None = None,
        attempts: int | None = None,
        intended: float | None = None,
        tried: Iterable[str] | None = None,
    ) -> int:
        """A write of `value`, acknowledged unless said otherwise."""
        return self.op(
            "write",
            key,
            input=value,
            at=at,
            process=process,
            outcome=outcome,
            node=node,
            error=error,
            confirmed=confirmed,
            attempts=attempts,
            intended=intended,
            tried=tried,
        )

    def read(
        self,
        key: str,
        value: Json,
        *,
        at: At,
        process: int | None = None,
        outcome: Outcome = "ok",
        node: str | None = None,
        error: str | None = None,
        intended: float | None = None,
        tried: Iterable[str] | None = None,
        final: bool = False,
    ) -> int:
        """A read that gave `value`; `final`: one of the final phase, by a process of its own."""
        return self.op(
            "read",
            key,
            output=value,
            at=at,
            process=process,
            outcome=outcome,
            node=node,
            error=error,
            intended=intended,
            tried=tried,
            final=final,
        )

    def increment(
        self,
        key: str,
        by: int,
        *,
        at: At,
        result: int | None = None,
        process: int = 0,
        outcome: Outcome = "ok",
        error: str | None = None,
        attempts: int | None = None,
    ) -> int:
        """An increment that gave the new value `result`."""
        return self.op(
            "increment",
            key,
            input=by,
            output=result,
            at=at,
            process=process,
            outcome=outcome,
            error=error,
            attempts=attempts,
        )

    def fault(
        self,
        name: str,
        target: str,
        *,
        at: At,
        nodes: Iterable[str] = (),
        evidence: str | None = None,
        params: Mapping[str, Json] | None = None,
    ) -> int:
        """A fault in force during `at` (an instant: its end is not on record); without evidence it was not observed."""
        began_ns, ended_ns = _span(at if isinstance(at, tuple) else (at, None))
        record = FaultRecord(
            id=len(self._faults),
            name=name,
            target=target,
            nodes=tuple(nodes),
            params=params or {},
            began_ns=began_ns,
            ended_ns=ended_ns,
            evidence=None if evidence is None else Evidence(source="probe", at_ns=began_ns, detail=evidence),
        )
        self._faults.append(record)
        return record.id

    def event(self, name: EventName, source: str, *, at: float, data: Mapping[str, Json]) -> None:
        """Any event."""
        self._events.append(Event(name=name, source=source, at_ns=_ns(at), data=data))

    def replication(
        self,
        node: str,
        *,
        role: str,
        replid: str,
        offset: int,
        at: float,
        replid2: str | None = None,
        second_offset: int = -1,
    ) -> None:
        """A sample of a node's INFO replication; `second_offset` is the first offset of `replid2` it does not have."""
        self.event(
            "replication",
            node,
            at=at,
            data={
                "role": role,
                "replid": replid,
                "offset": offset,
                "replid2": replid2,
                "second_offset": second_offset,
            },
        )

    def phase(self, phase: str, *, at: float) -> None:
        """The run enters a phase: load, fault, heal, settled, final, end."""
        self.event("phase", "run", at=at, data={"phase": phase})

    def keyspace(self, node: str, keys: Mapping[str, tuple[str, str, int]], *, at: float) -> None:
        """A snapshot of a node: (type, digest, expire time in ms or -1) by key."""
        self.event(
            "note", node, at=at, data={"kind": "keyspace", "keys": {key: [*entry] for key, entry in keys.items()}}
        )

    def kept(self, node: str, values: Mapping[str, Json], *, at: float, how: str = "append-only file") -> None:
        """The data of a failed node that was kept before it was resynchronised."""
        self.event("note", node, at=at, data={"kind": "kept", "how": how, "values": dict(values)})

    def build(self) -> History:
        """The history of all records so far."""
        header = Header(run="by-hand", seed=self._seed, subject=self._subject, meta=dict(self.meta))
        return History.of(header, [*self._ops, *self._faults, *self._events])


def _ns(ms: float) -> int:
    return round(ms * NS_PER_MS)


def _span(at: At) -> tuple[int, int | None]:
    began, ended = at if isinstance(at, tuple) else (at, at)
    return _ns(began), None if ended is None else _ns(ended)
