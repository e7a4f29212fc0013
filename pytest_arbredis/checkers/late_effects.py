"""Late effects: how long after its call a write was still not there, that was there in the end."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.interning import identity_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Op

OF_THE_LINK: Final = frozenset(
    {"bandwidth", "blackhole", "down", "latency", "limit_data", "reset", "slice", "slow_close", "stall"}
)
"""Faults that leave the data alone. Any other may bring an old value back, which would look like a late effect."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoLateEffects:
    """No write takes effect more than `ms` after it was invoked: an order that waited for too long is not sent.

    A read that gives a write's value shows its effect; an earlier read of the key that gave something else shows that
    it was not there yet, if the value was written once. So a delay is never more than the true one. Values that more
    than one write may have given are not judged, and with a fault that may roll data back (any but one of the link)
    what looks late is undecided.

    Unknown if no read came more than `ms` after a write of its key that nobody knows to have been applied: none could
    have shown a late one. The proof is the latest write, the read that missed it, and the read that gave it.
    """

    ms: float

    def __post_init__(self) -> None:
        """Refuse a time that is none."""
        if isinstance(self.ms, bool) or not isinstance(self.ms, int | float) or not self.ms >= 0:
            raise UsageError(f"ms={self.ms!r}", remedy="use milliseconds, 0 or more")

    @property
    def claim(self) -> str:
        """`no_late_effects`."""
        return "no_late_effects"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        max_ns = self.ms * NS_PER_MS
        reads: dict[str | None, list[Op]] = defaultdict(list)
        for op in history.named("read"):
            if op.outcome == "ok" and op.completed_ns is not None:
                reads[op.key].append(op)
        writes: dict[str | None, list[Op]] = defaultdict(list)
        for op in history.named("write"):
            writes[op.key].append(op)
        late: dict[int, tuple[float, Op, Op, Op]] = {}
        could_be_late = 0
        for key, found in writes.items():
            open_ns = min((op.invoked_ns for op in found if op.outcome == "unknown"), default=None)
            could_be_late += sum(open_ns is not None and read.invoked_ns - open_ns > max_ns for read in reads[key])
            for delay_ns, write, missed, gave in _delays(found, reads[key]):
                if delay_ns > max_ns and delay_ns > late.get(write.id, (0,))[0]:
                    late[write.id] = (delay_ns, write, missed, gave)
        undecided = sorted({fault.name for fault in history.faults} - OF_THE_LINK) if late else []
        verdict = Verdict.VALID if could_be_late else Verdict.UNKNOWN
        summary = f"no write took effect more than {self.ms:g} ms after its call; {could_be_late} reads could have told"
        if late:
            latest_ms = max(one[0] for one in late.values()) / NS_PER_MS
            verdict = Verdict.UNKNOWN if undecided else Verdict.INVALID
            summary = (
                f"{len(late)} writes took effect more than {self.ms:g} ms after their call, up to {latest_ms:.0f} ms"
            )
            if undecided:
                summary += f"; or {', '.join(undecided)} brought old values back"
        elif not could_be_late:
            summary = f"no read came more than {self.ms:g} ms after a write of its key whose outcome is unknown"
        proof = max(late.values(), key=lambda one: one[0])[1:] if late else ()
        return Finding(
            claim=self.claim,
            verdict=verdict,
            summary=summary,
            proof=tuple(sorted(op.id for op in proof)),
            figures={
                "could_be_late": could_be_late,
                "late": len(late),
                "late_ids": ids_of(one[1] for one in late.values()),
            },
        )


def _delays(writes: Sequence[Op], reads: Sequence[Op]) -> Iterator[tuple[int, Op, Op, Op]]:
    """For each read that gives a write's value: how late the write was at the least, and the two reads that show it."""
    by_value: dict[Hashable, list[Op]] = defaultdict(list)
    for op in writes:
        by_value[identity_of(op.input)].append(op)
    ended = sorted(reads, key=lambda op: op.completed_ns or 0)
    latest: list[Op] = []
    """Of the reads that have ended the one that was invoked last, and the last of those that gave something else."""
    at = 0
    for gave in sorted(reads, key=lambda op: op.invoked_ns):
        while at < len(ended) and (ended[at].completed_ns or 0) < gave.invoked_ns:
            latest = _latest([*latest, ended[at]])
            at += 1
        value = identity_of(gave.output)
        written = by_value.get(value, [])
        missed = next((op for op in latest if identity_of(op.output) != value), None)
        if len(written) == 1 and missed is not None:
            yield missed.invoked_ns - written[0].invoked_ns, written[0], missed, gave


def _latest(reads: Sequence[Op]) -> list[Op]:
    """The read that was invoked last, and the last of those that gave something else."""
    first = max(reads, key=lambda op: op.invoked_ns)
    others = [op for op in reads if identity_of(op.output) != identity_of(first.output)]
    return [first, *([max(others, key=lambda op: op.invoked_ns)] if others else [])]


def no_late_effects(*, ms: float) -> NoLateEffects:
    """No write takes effect more than `ms` after it was invoked."""
    return NoLateEffects(ms=ms)
