"""How old lost writes were when the server went: what `appendfsync everysec`, a save point, a slow disk cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.final import why_unread
from pytest_arbredis.checkers.losses import find_losses, ids_of, proof_of_loss
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How long before the server's end a write was acknowledged: between these two, in milliseconds.

    The server ended between the injection (or its last reply, if that came later) and the moment in which a probe saw
    it gone. `most_ms` is None where no such end follows the write.
    """

    op: Op
    least_ms: float
    most_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LosesAtMost:
    """Every acknowledged write that is lost was acknowledged in the last `ms` before the fault `after`.

    Invalid too if a write is lost that was acknowledged after the last such fault. Unknown if a loss may be older and
    need not be; if the fault was not observed, a key has no final read, or no write was acknowledged before the last
    `ms`: nothing could have been lost too early then; and if fewer than `at_least` were lost.
    """

    ms: float
    after: str = "power_loss"
    at_least: int = 0

    def __post_init__(self) -> None:
        """Refuse a bound that is none."""
        _require(self.ms, self.at_least, least=0)

    @property
    def claim(self) -> str:
        """`loses_at_most`."""
        return "loses_at_most"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history)
        ages = ages_of(history, losses.lost, after=self.after)
        older = [age for age in ages if age.most_ms is None or age.least_ms > self.ms]
        maybe = [age for age in ages if age not in older and age.most_ms is not None and age.most_ms > self.ms]
        count = len(losses.judged)
        told = f"{len(losses.lost)} of {count} acknowledged writes lost"
        figures = _figures(ages, judged=count) | {"too_old_ids": ids_of(age.op for age in older)}
        if older:
            first = older[0].op
            return Finding(
                claim=self.claim,
                verdict=Verdict.INVALID,
                summary=f"{told}, {len(older)} of them {self._too_early(older)}",
                proof=proof_of_loss(history, [first]),
                figures=figures,
            )
        reasons = [
            *self._why_not_judged(history, losses.judged),
            *([f"{len(losses.unread)} have no final value: {why_unread(history)}"] if losses.unread else []),
            *([f"{len(maybe)} may be older than {self.ms:g} ms, and need not be"] if maybe else []),
            *([f"at least {self.at_least} wanted"] if len(losses.lost) < self.at_least else []),
        ]
        oldest = f", the oldest {ages[0].least_ms:.0f} ms before the {self.after}" if ages else ""
        return Finding(
            claim=self.claim,
            verdict=Verdict.UNKNOWN if reasons else Verdict.VALID,
            summary="; ".join([f"{told}{oldest} (bound {self.ms:g} ms)", *reasons]),
            proof=tuple(op.id for op in (*(age.op for age in maybe), *losses.unread)[:10]),
            figures=figures,
        )

    def _too_early(self, older: Sequence[Age]) -> str:
        if all(age.most_ms is None for age in older):
            return f"although no {self.after} followed their acknowledgement"
        oldest = max(age.least_ms for age in older if age.most_ms is not None)
        return f"more than {self.ms:g} ms before the {self.after}, the oldest {oldest:.0f} ms"

    def _why_not_judged(self, history: History, judged: Sequence[Op]) -> list[str]:
        if not judged:
            return ["no acknowledged write to judge"]
        faults = [fault for fault in history.faults if fault.name == self.after]
        if not faults:
            return [f"no {self.after} is on record"]
        if any(fault.evidence is None for fault in faults):
            return [f"the {self.after} was not observed"]
        ages = ages_of(history, judged, after=self.after)
        if not any(age.most_ms is not None and age.least_ms > self.ms for age in ages):
            return [f"no write was acknowledged more than {self.ms:g} ms before it"]
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class LosesMoreThan:
    """At least `at_least` acknowledged writes are lost that were acknowledged more than `ms` before the fault `after`.

    A hazard: not shown is unknown, never invalid.
    """

    ms: float
    after: str = "power_loss"
    at_least: int = 1

    def __post_init__(self) -> None:
        """Refuse a number that shows nothing."""
        _require(self.ms, self.at_least, least=1)

    @property
    def claim(self) -> str:
        """`loses_more_than`."""
        return "loses_more_than"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        losses = find_losses(history)
        ages = ages_of(history, losses.lost, after=self.after)
        shown = [age for age in ages if age.most_ms is not None and age.least_ms > self.ms]
        summary = f"{len(losses.lost)} of {len(losses.judged)} acknowledged writes lost"
        if shown:
            summary += f", {len(shown)} of them more than {self.ms:g} ms before the {self.after}"
            summary += f", the oldest {shown[0].least_ms:.0f} ms"
        if len(shown) < self.at_least:
            summary += f"; {len(shown)} older than {self.ms:g} ms, at least {self.at_least} wanted"
        return Finding(
            claim=self.claim,
            verdict=Verdict.VALID if len(shown) >= self.at_least else Verdict.UNKNOWN,
            summary=summary,
            proof=tuple(age.op.id for age in shown[:10]),
            figures=_figures(ages, judged=len(losses.judged)) | {"shown": len(shown)},
        )


def loses_at_most(*, ms: float, after: str = "power_loss", at_least: int = 0) -> LosesAtMost:
    """Every acknowledged write that is lost was acknowledged in the last `ms` before the fault."""
    return LosesAtMost(ms=ms, after=after, at_least=at_least)


def loses_more_than(*, ms: float, after: str = "power_loss", at_least: int = 1) -> LosesMoreThan:
    """At least `at_least` writes are lost that were acknowledged more than `ms` before the fault."""
    return LosesMoreThan(ms=ms, after=after, at_least=at_least)


def ages_of(history: History, writes: Sequence[Op], *, after: str) -> list[Age]:
    """The age of each write at the next fault of that name that its node met, the oldest first.

    A fault that was not observed has no end that is known: what came before it is of unknown age, and not in the list.
    """
    faults = [fault for fault in history.faults if fault.name == after]
    ended = {fault.id: _ended_ns(history, fault) for fault in faults}
    ages = []
    for op in writes:
        told_ns = op.invoked_ns if op.completed_ns is None else op.completed_ns
        on_its_node = [fault for fault in faults if op.node is None or not fault.nodes or op.node in fault.nodes]
        nexts = [ended[fault.id] for fault in on_its_node if _came_before(told_ns, ended[fault.id])]
        if not nexts:
            ages.append(Age(op=op, least_ms=0.0, most_ms=None))
            continue
        least_ns, most_ns = nexts[0]
        if most_ns is not None:
            least_ms, most_ms = (least_ns - told_ns) / NS_PER_MS, (most_ns - told_ns) / NS_PER_MS
            ages.append(Age(op=op, least_ms=max(0.0, least_ms), most_ms=most_ms))
    return sorted(ages, key=lambda age: -age.least_ms)


def _came_before(told_ns: int, ended: tuple[int, int | None]) -> bool:
    least_ns, most_ns = ended
    return told_ns <= (least_ns if most_ns is None else most_ns)


def _ended_ns(history: History, fault: FaultRecord) -> tuple[int, int | None]:
    """The earliest and the latest moment in which the nodes of a fault ended; None if that was not observed."""
    if fault.evidence is None:
        return fault.began_ns, None
    seen_ns = fault.evidence.at_ns
    replies = (
        op.completed_ns
        for op in history.ops
        if op.node in fault.nodes and op.completed_ns is not None and fault.began_ns < op.completed_ns <= seen_ns
    )
    return max(replies, default=fault.began_ns), seen_ns


def _figures(ages: Sequence[Age], *, judged: int) -> dict[str, Json]:
    figures: dict[str, Json] = {"judged": judged, "lost": len(ages), "lost_ids": ids_of(age.op for age in ages)}
    known = [age for age in ages if age.most_ms is not None]
    if known:
        figures |= {"oldest_least_ms": known[0].least_ms, "oldest_most_ms": known[0].most_ms}
    return figures


def _require(ms: float, at_least: int, *, least: int) -> None:
    if isinstance(ms, bool) or not isinstance(ms, int | float) or ms < 0:
        raise UsageError(f"ms={ms!r}", remedy="use milliseconds, 0 or more")
    if type(at_least) is not int or at_least < least:
        raise UsageError(f"at_least={at_least!r} lost writes", remedy=f"use {least} or more")
