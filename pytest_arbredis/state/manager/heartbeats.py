"""Heartbeats: a component is alive if Redis says so, by the server's clock; what only its writer knows is no sign."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import CorruptedError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.lua import BEAT
from pytest_arbredis.state.manager.memory import Seen
from pytest_arbredis.state.manager.metrics import require_in_time
from pytest_arbredis.state.manager.readings import Heartbeat, Written
from pytest_arbredis.state.moment import US, hashes

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.manager.core import Core


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """A heartbeat of a component, which lives for `ttl_ms`. It is never journalled: a late one would be a lie."""

    component: str
    status: str
    ttl_ms: int
    within_s: float
    kind: Kind = Kind.FAST

    def ask(self, core: Core) -> Plan[Written]:
        """One script, which stamps it with the server's time."""
        key = core.names.heartbeat(self.component)
        one_step = "ttl-in-one-step" not in core.without
        sent_ns = core.clock.monotonic_ns()
        ttl_ms = self.ttl_ms if one_step else 0
        args = (ttl_ms, core.time.too_late_after(self.within_s), core.writer, self.status)
        applied, now_us = yield Call(BEAT, (key,), args)
        if not one_step:
            yield Command("PEXPIRE", key, self.ttl_ms)
        with core.lock:
            core.time.contact(int(now_us), sent_ns=sent_ns)
            require_in_time(applied)
            self._remember(core, at_s=int(now_us) / US, seen_ns=core.clock.monotonic_ns())
        return Written(degraded=False)

    def from_memory(self, core: Core, *, sent: bool) -> Written:  # noqa: ARG002 - it is not kept
        """Nowhere: nobody else could see it, and it will not be sent later."""
        if not core.says_degraded:
            now_us = core.now().server_us
            self._remember(core, at_s=None if now_us is None else now_us / US, seen_ns=core.clock.monotonic_ns())
        return Written(degraded=core.says_degraded)

    def _remember(self, core: Core, *, at_s: float | None, seen_ns: int) -> None:
        beat = Heartbeat(at_s=at_s, age_s=0.0, alive=True, degraded=False, by=core.writer, status=self.status)
        core.memory.heartbeats[self.component] = Seen(value=beat, at_ns=seen_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadHeartbeat:
    """A component's last heartbeat; it is alive if that is at most `alive_s` seconds old."""

    component: str
    alive_s: float
    kind: Kind = Kind.FAST

    def ask(self, core: Core) -> Plan[Heartbeat]:
        """The Hash and the server's time, at one moment."""
        key = core.names.heartbeat(self.component)
        now_us, (raw,) = yield from hashes(key)
        beat = _beat_of(raw, now_us, self.alive_s, key)
        with core.lock:
            core.memory.heartbeats[self.component] = Seen(value=beat, at_ns=core.clock.monotonic_ns())
        return beat

    def from_memory(self, core: Core, *, sent: bool) -> Heartbeat:  # noqa: ARG002 - it reads
        """The last one that was seen, older by now, and no sign of life."""
        seen = core.memory.heartbeats.get(self.component)
        if seen is None:
            return Heartbeat(at_s=None, age_s=None, alive=False, degraded=core.says_degraded)
        since_s = core.age_s(seen.at_ns) or 0.0
        age_s = None if seen.value.age_s is None else seen.value.age_s + since_s
        if not core.says_degraded:
            return replace(seen.value, age_s=age_s)
        return replace(seen.value, age_s=age_s, alive=False, degraded=True)


def _beat_of(raw: list[bytes], now_us: int, alive_s: float, key: str) -> Heartbeat:
    found = dict(zip(raw[::2], raw[1::2], strict=True))
    if not found:
        return Heartbeat(at_s=None, age_s=None, alive=False, degraded=False)
    try:
        at_us = int(found[b"at"])
        by, status = found[b"by"].decode(), found[b"status"].decode()
    except (KeyError, ValueError):  # whose texts show what lies there
        raise CorruptedError(f"{key} is no heartbeat", remedy="something else writes there") from None
    age_s = max(0.0, (now_us - at_us) / US)
    return Heartbeat(at_s=at_us / US, age_s=age_s, alive=age_s <= alive_s, degraded=False, by=by, status=status)
