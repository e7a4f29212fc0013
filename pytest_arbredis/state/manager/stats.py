"""Statistics: whole numbers that are added up, each addition once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import CorruptedError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.entries import Addition, Instant
from pytest_arbredis.state.manager.lua import ADD
from pytest_arbredis.state.manager.memory import Seen
from pytest_arbredis.state.manager.readings import Reading
from pytest_arbredis.state.manager.reconciling import TOKEN_S

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.manager.core import Core

NO_TOKEN: Final = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Increment:
    """Add `by` to a statistic, under a token: its new value."""

    name: str
    by: int
    token: str
    at: Instant
    kind: Kind = Kind.FAST

    def ask(self, core: Core) -> Plan[Reading[int]]:
        """The token goes with it; tokens of additions that were answered at once are given back.

        Nobody asks about those again. The token of one that was ever without a reply lives on: what was sent may still
        arrive.
        """
        names = core.names
        token = NO_TOKEN if "idempotency-token" in core.without else names.token(self.token)
        spent = [names.token(one) for one in core.take_spent()]
        value, _ = yield Call(ADD, (names.stats, token, *spent), (self.name, self.by, TOKEN_S * 1000))
        if token:
            core.spent.append(self.token)
        with core.lock:
            core.memory.stats[self.name] = Seen(value=int(value), at_ns=core.clock.monotonic_ns())
        return Reading(value=int(value), degraded=False)

    def from_memory(self, core: Core, *, sent: bool) -> Reading[int]:
        """Into the journal, or without one into the memory alone."""
        kept = core.keeps(Addition(token=self.token, name=self.name, by=self.by, at=self.at, sent=sent))
        if not kept:
            seen = core.memory.stats.get(self.name)
            core.memory.stats[self.name] = Seen(
                value=(seen.value if seen else 0) + self.by, at_ns=seen.at_ns if seen else None
            )
        return _of_memory(core, self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadStat:
    """A statistic's value; 0 where there is none."""

    name: str
    kind: Kind = Kind.FAST

    def ask(self, core: Core) -> Plan[Reading[int]]:
        """HGET."""
        raw = yield Command("HGET", core.names.stats, self.name)
        try:
            value = int(raw or 0)
        except ValueError:  # whose text shows what lies there
            raise CorruptedError(
                f"the statistic {self.name} is no whole number", remedy="something else writes it"
            ) from None
        with core.lock:
            core.memory.stats[self.name] = Seen(value=value, at_ns=core.clock.monotonic_ns())
        return Reading(value=value, degraded=False)

    def from_memory(self, core: Core, *, sent: bool) -> Reading[int]:  # noqa: ARG002 - a read changes nothing
        """What was last seen, and what was added here since."""
        return _of_memory(core, self.name)


def _of_memory(core: Core, name: str) -> Reading[int]:
    seen = core.memory.stats.get(name)
    waiting = sum(
        entry.by for entry in core.journal.about("stat") if isinstance(entry, Addition) and entry.name == name
    )
    return Reading(
        value=(seen.value if seen else 0) + waiting,
        degraded=core.says_degraded,
        age_s=core.age_s(seen.at_ns if seen else None),
    )
