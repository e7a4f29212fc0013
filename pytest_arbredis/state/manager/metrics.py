"""Metrics: numbers of which the newest counts, in one Hash with a time to live."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import DeadlineExceededError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.entries import Gauge, Instant
from pytest_arbredis.state.manager.lua import SET_METRICS
from pytest_arbredis.state.manager.memory import Seen
from pytest_arbredis.state.manager.readings import Reading, Written
from pytest_arbredis.state.manager.values import METRICS, Number, number_of

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.manager.core import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMetrics:
    """Set some metrics; the Hash lives for `ttl_ms` from then on. Those not given stay as they are."""

    values: Mapping[str, Number]
    ttl_ms: int
    token: str
    at: Instant
    within_s: float
    kind: Kind = Kind.FAST

    def ask(self, core: Core) -> Plan[Written]:
        """One script; it refuses to run after this call's time is over, when a newer value may be there."""
        one_step = "ttl-in-one-step" not in core.without
        sent_ns = core.clock.monotonic_ns()
        pairs = [part for name, value in self.values.items() for part in (name, orjson.dumps(value))]
        head = (-1, core.time.too_late_after(self.within_s), self.ttl_ms if one_step else 0, "1")
        applied, now_us = yield Call(SET_METRICS, (core.names.metrics,), (*head, *pairs))
        if not one_step:
            yield Command("PEXPIRE", core.names.metrics, self.ttl_ms)
        with core.lock:
            core.time.contact(int(now_us), sent_ns=sent_ns)
            require_in_time(applied)
            _remember(core, self.values)
        return Written(degraded=False)

    def from_memory(self, core: Core, *, sent: bool) -> Written:
        """Each into the journal, or without one into the memory alone."""
        kept = core.keeps(
            *(
                Gauge(
                    token=f"{self.token}-{name}",
                    name=name,
                    value=value,
                    ttl_ms=self.ttl_ms,
                    at=self.at,
                    sent=sent,
                )
                for name, value in self.values.items()
            )
        )
        if not kept:
            _remember(core, self.values)
        return Written(degraded=core.says_degraded)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMetrics:
    """All metrics that are set."""

    kind: Kind = Kind.NORMAL

    def ask(self, core: Core) -> Plan[Reading[dict[str, Number]]]:
        """HGETALL."""
        raw = yield Command("HGETALL", core.names.metrics)
        values = metrics_of(raw)
        with core.lock:
            core.memory.metrics = Seen(value=values, at_ns=core.clock.monotonic_ns())
        return Reading(value=dict(values), degraded=False)

    def from_memory(self, core: Core, *, sent: bool) -> Reading[dict[str, Number]]:  # noqa: ARG002 - as it reads
        """What was last seen, and what was set here since."""
        seen = core.memory.metrics
        values = dict(seen.value) if seen else {}
        values |= {entry.name: entry.value for entry in core.journal.about("metric") if isinstance(entry, Gauge)}
        return Reading(value=values, degraded=core.says_degraded, age_s=core.age_s(seen.at_ns if seen else None))


def metrics_of(raw: list[bytes]) -> dict[str, Number]:
    """The metrics in what HGETALL gave; raises `CorruptedError`."""
    found = dict(zip(raw[::2], raw[1::2], strict=True))
    return {name: number_of(found[name.encode()], f"the metric {name}") for name in METRICS if name.encode() in found}


def require_in_time(applied: int) -> None:
    """Refuse what came so late that the server did not do it."""
    if applied < 0:
        raise DeadlineExceededError(
            "the server got it after its time, and did not apply it", remedy="set it again", applied="no"
        )


def _remember(core: Core, values: Mapping[str, Number]) -> None:
    seen = core.memory.metrics
    known = {**(seen.value if seen else {}), **values}
    core.memory.metrics = Seen(value=known, at_ns=seen.at_ns if seen else None)
