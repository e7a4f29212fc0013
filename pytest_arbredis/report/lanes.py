"""The operations that prove a finding as lanes: a lane a process, an interval an operation, the faults above. Pure.

Text and HTML draw it. Times are nanoseconds since the start of the load.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.load.workloads import key_prefix
from pytest_arbredis.report.timeline import origin_of
from pytest_arbredis.report.wording import abridged, parameters, printable, shortened, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import FaultRecord, Op, Outcome

MOST_BANDS = 4
FINAL = "final"
"""The lane of the final reads, whoever made them: they follow one another, after everything has settled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An operation from its invocation to its completion.

    `call` is what was asked for, `gave` what came of it. `end_ns` is None where no completion is on record.
    """

    id: int
    call: str
    gave: str
    outcome: Outcome
    begin_ns: int
    end_ns: int | None

    @property
    def label(self) -> str:
        """`write k v → ok`, `read k → v`."""
        return f"{self.call} → {self.gave}"

    @property
    def open_ended(self) -> bool:
        """Unknown, or without an end: nobody can say when it was over."""
        return self.outcome == "unknown" or self.end_ns is None

    @property
    def known_until_ns(self) -> int:
        """Its end; without one, its begin."""
        return self.begin_ns if self.end_ns is None else self.end_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """The operations of one process, by their begin."""

    name: str
    intervals: tuple[Interval, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultBand:
    """A fault that was in force while the operations went on; `end_ns` is None if it was never healed."""

    label: str
    begin_ns: int
    end_ns: int | None
    seen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLanes:
    """What to draw, from `begin_ns` to `end_ns`; of the faults at most four, and how many more there were."""

    lanes: tuple[Lane, ...]
    faults: tuple[FaultBand, ...]
    more_faults: int
    begin_ns: int
    end_ns: int

    @property
    def intervals(self) -> tuple[Interval, ...]:
        """All operations, lane by lane."""
        return tuple(interval for lane in self.lanes for interval in lane.intervals)

    @property
    def own_instants(self) -> frozenset[int]:
        """Every instant at which an operation began or ended."""
        return frozenset(at for each in self.intervals for at in (each.begin_ns, each.known_until_ns))

    @property
    def instants(self) -> frozenset[int]:
        """The same, and where a fault began or ended meanwhile."""
        edges = {at for band in self.faults for at in (band.begin_ns, band.end_ns) if at is not None}
        return self.own_instants | frozenset(at for at in edges if self.begin_ns <= at <= self.end_ns)


def lanes_of(ids: Iterable[int], history: History) -> ProofLanes | None:
    """The lanes of some operations of a history, each once; None if it has none of them."""
    wanted = set(ids)
    origin = origin_of(history)
    ops = sorted((op for op in history.ops if op.id in wanted), key=lambda op: (op.is_final, op.invoked_ns, op.id))
    if not ops:
        return None
    prefix = key_prefix(history.header.run)
    lanes: dict[str, list[Interval]] = {}
    for op in ops:
        lanes.setdefault(FINAL if op.is_final else f"process {op.process}", []).append(_interval(op, origin, prefix))
    intervals = [interval for lane in lanes.values() for interval in lane]
    begin = min(interval.begin_ns for interval in intervals)
    end = max(interval.known_until_ns for interval in intervals)
    faults = [fault for fault in history.faults if _in_force(fault, begin + origin, end + origin)]
    drawn = _telling(faults, begin + origin)
    return ProofLanes(
        lanes=tuple(Lane(name=name, intervals=tuple(those)) for name, those in lanes.items()),
        faults=tuple(_band(fault, origin) for fault in drawn),
        more_faults=len(faults) - len(drawn),
        begin_ns=begin,
        end_ns=end,
    )


def _interval(op: Op, origin: int, prefix: str) -> Interval:
    return Interval(
        id=op.id,
        call=_call(op, prefix),
        gave=_gave(op),
        outcome=op.outcome,
        begin_ns=op.invoked_ns - origin,
        end_ns=None if op.completed_ns is None else max(op.completed_ns, op.invoked_ns) - origin,
    )


def _call(op: Op, prefix: str) -> str:
    """Name, key and input; what all keys of a run begin with is left out."""
    said = [shown(op.name, limit=16)]
    if op.key is not None:
        own = op.key.removeprefix(prefix)
        said.append(abridged(printable(op.key if own == op.key else f"…{own}"), 20))
    return " ".join([*said, *([shown(op.input, limit=16)] if op.input is not None else [])])


def _gave(op: Op) -> str:
    """The output, or `ok` where there is nothing to say, `fail`, and `?` for what is unknown."""
    if op.outcome != "ok":
        gave = {"fail": "fail", "unknown": "?"}[op.outcome]
    elif op.output is None:
        gave = "null" if op.input is None else "ok"
    else:
        gave = "ok" if op.output is True or op.output == "OK" else shown(op.output, limit=16)
    return gave if op.confirmed is None else f"{gave} ({op.confirmed} confirmed)"


def _in_force(fault: FaultRecord, begin: int, end: int) -> bool:
    return fault.began_ns <= end and (fault.ended_ns is None or fault.ended_ns >= begin)


def _telling(faults: list[FaultRecord], begin: int) -> list[FaultRecord]:
    """As many as are drawn, those first that began while the operations went on; by their begin."""
    chosen = sorted(faults, key=lambda fault: (fault.began_ns < begin, fault.began_ns, fault.id))[:MOST_BANDS]
    return sorted(chosen, key=lambda fault: (fault.began_ns, fault.id))


def _band(fault: FaultRecord, origin: int) -> FaultBand:
    nodes = ", ".join(fault.nodes)
    parts = [f"{fault.name} {fault.target}" + (f" ({nodes})" if nodes and nodes != fault.target else "")]
    parts += ["never healed"] if fault.ended_ns is None else []
    parts += [parameters(fault.params)] if fault.params else []
    return FaultBand(
        label=shortened(printable(", ".join(parts)), 80),
        begin_ns=fault.began_ns - origin,
        end_ns=None if fault.ended_ns is None else fault.ended_ns - origin,
        seen=fault.evidence is not None,
    )
