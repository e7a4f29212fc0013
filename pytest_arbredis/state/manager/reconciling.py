"""Reconciliation: what waits in the journal goes to Redis, oldest first, each entry by the rule of its kind.

An addition is added once: its token is in Redis if it was. A metric is set if it is newer than what is there, by the
server's time of both. A position is written if what is there is what it was written over; else it is kept beside it, as
a conflict. An entry whose reply is lost stays, and is asked again: each of the three may be, any number of times.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import CorruptedError, RejectedError, StateError
from pytest_arbredis.state.keyspace.patterns import TOKENS
from pytest_arbredis.state.manager.entries import Addition, Gauge, PositionWrite
from pytest_arbredis.state.manager.lua import ADD, SET_METRICS, SET_POSITION
from pytest_arbredis.state.manager.memory import Seen
from pytest_arbredis.state.manager.readings import Position
from pytest_arbredis.state.manager.values import require_position

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.manager.core import Core
    from pytest_arbredis.state.manager.entries import Entry

TOKEN_S: Final = TOKENS.ttl_s or 0
"""Seconds that Redis remembers that an addition was applied."""

MARGIN_S: Final = 60
"""An addition that Redis may have got is not asked again in the last seconds of its token's life."""


def reconcile(core: Core) -> Plan[None]:
    """All entries, until there is none; then the mode is Redis's again."""
    yield from contact(core)
    while True:
        with core.lock:
            entry = core.journal.next(core.now())
            if entry is None:
                core.modes.came_back()
                return
        try:
            yield from _settle(core, entry)
        except (RejectedError, CorruptedError) as error:
            _refuse(core, entry, error)
        with core.lock:
            core.journal.done(entry.token)


def contact(core: Core) -> Plan[None]:
    """Ask the server's time."""
    sent_ns = core.clock.monotonic_ns()
    seconds, us = yield Command("TIME")
    core.time.contact(int(seconds) * 1_000_000 + int(us), sent_ns=sent_ns)


def _settle(core: Core, entry: Entry) -> Plan[None]:
    match entry:
        case Addition():
            yield from _add(core, entry)
        case Gauge():
            yield from _set(core, entry)
        case PositionWrite():
            yield from _write(core, entry)


def _add(core: Core, entry: Addition) -> Plan[None]:
    if core.time.age_s(entry.at) > TOKEN_S - MARGIN_S:
        _refuse(core, entry, StateError("it is older than Redis remembers tokens: it may have been added, or not"))
        return
    token = "" if "idempotency-token" in core.without else core.names.token(entry.token)
    value, _ = yield Call(ADD, (core.names.stats, token), (entry.name, entry.by, TOKEN_S * 1000))
    with core.lock:
        core.memory.stats[entry.name] = Seen(value=int(value), at_ns=core.clock.monotonic_ns())


def _set(core: Core, entry: Gauge) -> Plan[None]:
    left_ms = entry.ttl_ms - int(core.time.age_s(entry.at) * 1000)
    if left_ms <= 0:
        return
    newest = "0" if "newest-wins" in core.without else "1"
    args = (core.time.of(entry.at), "", left_ms, newest, entry.name, orjson.dumps(entry.value))
    yield Call(SET_METRICS, (core.names.metrics,), args)


def _write(core: Core, entry: PositionWrite) -> Plan[None]:
    names = core.names
    otherwise = "overwrite" if "conflict-report" in core.without else "keep"
    aside = orjson.dumps({"fields": entry.fields, "by": core.writer})
    fields = [part for pair in require_position(entry.fields).items() for part in pair]
    applied, version = yield Call(
        SET_POSITION,
        (names.position(entry.symbol), names.conflicts(entry.symbol)),
        (entry.token, entry.over, otherwise, ",".join(sorted(entry.resolves)), aside, *fields),
    )
    if not applied:
        return
    with core.lock:
        core.journal.rebase(entry, int(version))
        if core.wrote(entry):  # what an earlier process left is nothing that this one has read
            stands = Position(symbol=entry.symbol, fields=entry.fields, version=int(version))
            core.memory.positions[entry.symbol] = Seen(value=stands, at_ns=core.clock.monotonic_ns())


def _refuse(core: Core, entry: Entry, error: StateError) -> None:
    """Redis will not have it, now or later: it is told, and kept where the caller can see it."""
    with core.lock:
        core.refused.append((replace(entry, sent=True), error))
        core.modes.refused(entry.about, error)
