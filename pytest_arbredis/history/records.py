"""The records of a history: operations, faults with their evidence, events.

Times are nanoseconds of CLOCK_MONOTONIC. The fields are those of `history.jsonl`, version 1; `extra` keeps the
fields of a line that this version does not know.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, field
from typing import Literal

Json = None | bool | int | float | str | bytes | list["Json"] | dict[str, "Json"]
"""What a record may carry: JSON, and bytes (written as `{"$bytes": base64}` where they are not UTF-8)."""

Outcome = Literal["ok", "fail", "unknown"]
EventName = Literal["replication", "sentinel", "breaker", "hit", "phase", "note"]

NOT_SENT = "not-sent"
"""The error of an operation that was planned but never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The first line: which run this is."""

    run: str
    seed: int = 0
    subject: str = ""
    model: str | None = None
    meta: Mapping[str, Json] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operation of one process, from its invocation to its completion.

    `outcome` is `ok` (applied), `fail` (certainly not applied) or `unknown`. `node` answered; `attempts` were sent;
    `confirmed` is the number of replicas that confirmed (WAIT). `intended_ns` is when the open-loop schedule wanted it,
    `completed_ns` is None while in flight.
    """

    id: int
    process: int
    name: str
    invoked_ns: int
    key: str | None = None
    input: Json = None
    output: Json = None
    outcome: Outcome = "unknown"
    intended_ns: int | None = None
    completed_ns: int | None = None
    error: str | None = None
    node: str | None = None
    attempts: int | None = None
    confirmed: int | None = None
    entered_ns: int | None = None
    meta: Mapping[str, Json] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)

    @property
    def applied(self) -> bool:
        """Certainly applied: acknowledged, or acknowledged with fewer confirmations than asked for."""
        return self.outcome == "ok" or self.confirmed is not None

    @property
    def sent(self) -> bool:
        """Not one of those that were planned but never sent."""
        return self.error != NOT_SENT

    @property
    def is_final(self) -> bool:
        """A read of the final phase, after everything healed and settled."""
        return bool(self.meta.get("final"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What an observer that is not the injector saw of a fault."""

    source: str
    at_ns: int
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRecord:
    """A fault that was injected on `nodes`, and by what it was observed (None: it was not)."""

    id: int
    name: str
    target: str
    began_ns: int
    nodes: tuple[str, ...] = ()
    params: Mapping[str, Json] = field(default_factory=dict)
    ended_ns: int | None = None
    evidence: Evidence | None = None
    extra: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at one instant: a replication sample, a Sentinel's event, a phase, a note."""

    name: EventName
    source: str
    at_ns: int
    data: Mapping[str, Json] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)
