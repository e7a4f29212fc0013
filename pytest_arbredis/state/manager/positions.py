"""Positions: written over what one knows, and over nothing else; what does not fit is a conflict, and both stay."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.errors import ConflictError, CorruptedError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.entries import Instant, PositionWrite
from pytest_arbredis.state.manager.lua import SET_POSITION
from pytest_arbredis.state.manager.memory import Seen
from pytest_arbredis.state.manager.readings import Conflict, Position, Written
from pytest_arbredis.state.manager.values import fields_of, own_field, require_position
from pytest_arbredis.state.moment import hashes

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.manager.core import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPosition:
    """Write a position over the version that this manager last saw, or over `over`, whose conflicts it resolves."""

    symbol: str
    fields: Mapping[str, object]
    token: str
    at: Instant
    over: Position | None = None
    kind: Kind = Kind.FAST

    def ask(self, core: Core) -> Plan[Written]:
        """One script. Raises `ConflictError` if another version is there, or conflicts that it does not resolve."""
        names = core.names
        base, resolves = self._base(core)
        fields = [part for pair in require_position(self.fields).items() for part in pair]
        applied, version = yield Call(
            SET_POSITION,
            (names.position(self.symbol), names.conflicts(self.symbol)),
            (self.token, base, "refuse", ",".join(resolves), "", *fields),
        )
        if not applied:
            raise ConflictError(
                f"the position {self.symbol} is at version {version}, with other values or conflicts than were "
                f"last read here (version {base})",
                remedy="read it with read_position, decide, and write with over= what was read",
                applied="no",
            )
        self._remember(core, int(version), core.clock.monotonic_ns())
        return Written(degraded=False)

    def from_memory(self, core: Core, *, sent: bool) -> Written:
        """Into the journal, or without one into the memory alone."""
        base, resolves = self._base(core)
        entry = PositionWrite(
            token=self.token,
            symbol=self.symbol,
            fields=self.fields,
            over=base,
            at=self.at,
            resolves=resolves,
            sent=sent,
        )
        if not core.keeps(entry):
            self._remember(core, base, None)
        return Written(degraded=core.says_degraded)

    def _base(self, core: Core) -> tuple[int, tuple[str, ...]]:
        """The version that it is written over, and the conflicts that it resolves."""
        if self.over is not None:
            return self.over.version, tuple(sorted(one.token for one in self.over.conflicts))
        seen = core.memory.positions.get(self.symbol)
        return (seen.value.version if seen else 0), ()

    def _remember(self, core: Core, version: int, seen_ns: int | None) -> None:
        with core.lock:
            stands = Position(symbol=self.symbol, fields=self.fields, version=version)
            core.memory.positions[self.symbol] = Seen(value=stands, at_ns=seen_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPosition:
    """A position, its version and its conflicts."""

    symbol: str
    kind: Kind = Kind.NORMAL

    def ask(self, core: Core) -> Plan[Position]:
        """Both Hashes, at one moment."""
        names = core.names
        _, (raw, aside) = yield from hashes(names.position(self.symbol), names.conflicts(self.symbol))
        where = f"the position {self.symbol}"
        try:
            version = int(own_field(raw, "_version") or 0)
        except ValueError:  # whose text shows what lies there
            raise CorruptedError(f"{where} has no version", remedy="something else writes there") from None
        found = Position(
            symbol=self.symbol,
            fields=fields_of(raw, where) if raw else None,
            version=version,
            conflicts=tuple(map(_conflict_of, aside[::2], aside[1::2])),
        )
        with core.lock:
            core.memory.positions[self.symbol] = Seen(value=found, at_ns=core.clock.monotonic_ns())
        return found

    def from_memory(self, core: Core, *, sent: bool) -> Position:  # noqa: ARG002 - it reads
        """What was last seen, or what was written here since."""
        seen = core.memory.positions.get(self.symbol)
        known = seen.value if seen else Position(symbol=self.symbol, fields=None, version=0)
        waiting = [
            entry.fields
            for entry in core.journal.about("position")
            if isinstance(entry, PositionWrite) and entry.symbol == self.symbol
        ]
        return replace(
            known,
            fields=waiting[-1] if waiting else known.fields,
            degraded=core.says_degraded,
            age_s=core.age_s(seen.at_ns if seen else None),
        )


def _conflict_of(token: bytes, raw: bytes) -> Conflict:
    try:
        said = orjson.loads(raw)
        return Conflict(token=token.decode(), fields=said["fields"], by=said["by"])
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptedError(f"the conflict {token!r} is unreadable", remedy="something else writes there") from error
