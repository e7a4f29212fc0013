"""What a breaker did to calls that its automaton forbids: one function a rule; each violation carries its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.breaker_automaton import Cause, State, causes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.checkers.breaker_record import BreakerRecord, Call, Spell

FOREVER: Final = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a breaker is set to, in nanoseconds; without `timeout_ns` its time-out is not judged."""

    timeout_ns: int | None
    probes: int
    at_once: bool
    tolerance_ns: int
    skew_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """When the automaton was left, how, and the operations that prove it (none: the events alone do)."""

    at_ns: int
    text: str
    proof: tuple[int, ...] = ()


def violations_of_calls(breaker: BreakerRecord, limits: Limits) -> Iterator[Violation]:
    """Every violation that calls show, in no particular order."""
    for spell in breaker.spells_in(State.OPEN):
        yield from _entered_while_open(breaker, spell)
        yield from _kept_open(breaker, spell, limits)
        yield from _opened_again_early(spell, limits)
    for spell in breaker.spells_in(State.HALF_OPEN):
        yield from _too_many_probes(breaker, spell, limits)
        yield from _starved(breaker, spell, limits)
    for spell in breaker.spells_in(State.CLOSED):
        yield from _rejected_while_closed(breaker, spell, limits)
        yield from _opened_by_late_probe(breaker, spell, limits)


def undecided_time_out(breaker: BreakerRecord, limits: Limits) -> str:
    """Why it cannot be told whether the breaker stays open for too long; empty if it can."""
    for spell in breaker.spells_in(State.OPEN):
        if spell.ended is not None:
            continue
        if limits.timeout_ns is None:
            if any(call.op.invoked_ns > spell.from_ns for call in breaker.calls):
                return "it is open to the end of the record, and its time-out is not known (timeout_s)"
            continue
        first = _first_call_after(breaker, spell, limits.timeout_ns)
        if first is not None and breaker.ends_ns <= first.op.invoked_ns + limits.tolerance_ns:
            return f"the record ends just behind the first call after its time-out (operation {first.op.id})"
    return ""


def _entered_while_open(breaker: BreakerRecord, spell: Spell) -> Iterator[Violation]:
    for call in breaker.calls_in(spell):
        op = call.op
        if op.invoked_ns > spell.from_ns and call.surely_entered(spell):
            since_ms = (op.invoked_ns - spell.from_ns) / NS_PER_MS
            text = (
                f"operation {op.id} was let in while the breaker was open (invoked {since_ms:.3g} ms after it opened)"
            )
            yield Violation(at_ns=op.invoked_ns, text=text, proof=(op.id,))


def _kept_open(breaker: BreakerRecord, spell: Spell, limits: Limits) -> Iterator[Violation]:
    """Open for longer than its time-out although calls came; the tolerance runs from the first of them."""
    if limits.timeout_ns is None:
        return
    first = _first_call_after(breaker, spell, limits.timeout_ns)
    if first is None:
        return
    left_ns = breaker.ends_ns if spell.ended is None else spell.ended.at_ns
    if left_ns > first.op.invoked_ns + limits.tolerance_ns:
        late_ms = (left_ns - spell.from_ns - limits.timeout_ns) / NS_PER_MS
        still = "still" if spell.ended is None else "only then not"
        text = f"{still} open {late_ms:.0f} ms after its time-out, though operation {first.op.id} came"
        yield Violation(at_ns=first.op.invoked_ns + limits.tolerance_ns, text=text, proof=(first.op.id,))


def _first_call_after(breaker: BreakerRecord, spell: Spell, timeout_ns: int) -> Call | None:
    first = breaker.first_call_from(spell.from_ns + timeout_ns)
    return first if first is not None and first.op.invoked_ns < spell.until_ns else None


def _opened_again_early(spell: Spell, limits: Limits) -> Iterator[Violation]:
    if limits.timeout_ns is None or spell.ended is None or spell.ended.target is not State.HALF_OPEN:
        return
    stayed_ns = spell.ended.at_ns - spell.from_ns
    forced = Cause.FORCED in causes_of(spell.ended.cause)
    if not forced and stayed_ns < limits.timeout_ns - limits.tolerance_ns:
        wanted_ms = limits.timeout_ns / NS_PER_MS
        text = f"half-open {stayed_ns / NS_PER_MS:.0f} ms after it opened: its time-out is {wanted_ms:.0f} ms"
        yield Violation(at_ns=spell.ended.at_ns, text=text)


def _too_many_probes(breaker: BreakerRecord, spell: Spell, limits: Limits) -> Iterator[Violation]:
    probes = sorted(
        (call for call in breaker.calls_in(spell) if call.surely_entered(spell)),
        key=lambda call: (_entered_ns(call), call.op.id),
    )
    for index, probe in enumerate(probes):
        before = probes[:index]
        if limits.at_once:
            before = [one for one in before if _completed_ns(one) > _entered_ns(probe)]
        if len(before) >= limits.probes:
            ids = (*(one.op.id for one in before[-limits.probes :]), probe.op.id)
            how = " at once" if limits.at_once else ""
            text = (
                f"{len(ids)} calls{how} were let in while half-open ({limits.probes} allowed): operations "
                + ", ".join(map(str, ids))
            )
            yield Violation(at_ns=_entered_ns(probe), text=text, proof=ids[-10:])
            return


def _starved(breaker: BreakerRecord, spell: Spell, limits: Limits) -> Iterator[Violation]:
    """Half-open, nothing under way in it, and yet a call is rejected: nobody will ever close such a breaker."""
    late_ns = spell.from_ns + limits.tolerance_ns
    rejected = [call for call in breaker.calls_in(spell) if call.rejected and call.op.invoked_ns >= late_ns]
    if not rejected:
        return
    may_probe = (call for call in breaker.calls if not call.rejected and _completed_ns(call) >= spell.from_ns)
    first_ns = min(map(_entered_ns, may_probe), default=FOREVER)
    for call in rejected:
        op = call.op
        if _completed_ns(call) < min(spell.until_ns, first_ns):
            text = f"operation {op.id} was rejected while half-open, though no probe had been let in"
            yield Violation(at_ns=op.invoked_ns, text=text, proof=(op.id,))
            return


def _rejected_while_closed(breaker: BreakerRecord, spell: Spell, limits: Limits) -> Iterator[Violation]:
    for call in breaker.calls_in(spell):
        op = call.op
        if not call.rejected or op.entered_ns is not None or op.completed_ns is None:
            continue
        begins = op.invoked_ns > spell.from_ns or spell.began is None
        if begins and op.completed_ns < spell.until_ns - limits.skew_ns:
            text = f"operation {op.id} was rejected while the breaker was closed"
            yield Violation(at_ns=op.invoked_ns, text=text, proof=(op.id,))


def _opened_by_late_probe(breaker: BreakerRecord, spell: Spell, limits: Limits) -> Iterator[Violation]:
    """Closed to open, where no call of this spell failed, but a probe of an earlier half-open one did."""
    opened = spell.ended
    if opened is None or opened.target is not State.OPEN or Cause.FORCED in causes_of(opened.cause):
        return
    earlier = [one for one in breaker.spells_in(State.HALF_OPEN) if one.from_ns < spell.from_ns]
    last_ns = opened.at_ns + limits.tolerance_ns
    failed = [call for call in breaker.failed if spell.from_ns <= _completed_ns(call) <= last_ns]
    late = [call for call in failed if any(call.surely_entered(one) for one in earlier)]
    if not late:
        return
    blamed = [call for call in late if call.op.id == opened.op]
    if not blamed and any(_may_have_opened(call, spell, opened.cause) for call in breaker.calls if call not in late):
        return
    for call in (blamed or late)[:1]:
        text = f"a late probe opened a closed breaker: operation {call.op.id} was let in while half-open before"
        yield Violation(at_ns=opened.at_ns, text=text, proof=(call.op.id,))


def _may_have_opened(call: Call, spell: Spell, cause: str) -> bool:
    """Whether a call of this very spell may be what opened the breaker: it failed, or was perhaps too slow."""
    if call.rejected or (call.op.outcome == "ok" and "slow" not in cause.lower()):
        return False
    of_spell = call.op.entered_ns is None or spell.from_ns <= call.op.entered_ns < spell.until_ns
    return of_spell and call.op.invoked_ns < spell.until_ns and _completed_ns(call) >= spell.from_ns


def _entered_ns(call: Call) -> int:
    return call.op.invoked_ns if call.op.entered_ns is None else call.op.entered_ns


def _completed_ns(call: Call) -> float:
    return FOREVER if call.op.completed_ns is None else call.op.completed_ns


def nanoseconds(seconds: float) -> int:
    """Seconds as nanoseconds."""
    return round(seconds * NS_PER_S)
