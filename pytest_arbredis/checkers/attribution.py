"""Why a write was lost, told by replication offsets: documented, unexpected, or undecided.

Redis replicates asynchronously: what a primary acknowledged beyond the last byte that the promoted replica had is lost
by design. The promoted node keeps that border: `second_repl_offset` under `master_replid2` is the first offset of the
old primary's history that it does *not* share.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_arbredis.checkers.losses import Losses
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Event, Op

LONGEST_GAP_NS = 250 * NS_PER_MS
"""Samples come every 50 ms; further than this after one, nothing is concluded from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """The lost writes by class, and the borders that classed them."""

    documented: tuple[Op, ...] = ()
    unexpected: tuple[Op, ...] = ()
    undecided: tuple[Op, ...] = ()
    cuts: tuple[Cut, ...] = ()

    @property
    def line(self) -> str:
        """The counts in one line."""
        counts = (
            f"{len(self.documented)} documented, {len(self.unexpected)} unexpected, {len(self.undecided)} undecided"
        )
        return f"by replication offset: {counts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where the history `replid` ends on the node that was promoted; `offset` is the first byte it does not have."""

    replid: str
    node: str
    offset: int
    seen_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a node said of its replication, between `asked_ns` and `answered_ns`."""

    asked_ns: int
    answered_ns: int
    is_master: bool
    replid: str
    offset: int


def attribute(history: History, losses: Losses) -> Attribution:
    """Class every lost write.

    - *unexpected*: its primary's offset was below the cut after it completed, so the promoted node had it; or a write
      that the same primary acknowledged later, in the same history, did survive.
    - *documented*: invoked when the primary's offset had already reached the cut; or after the promoted node was seen
      as a master; or after the last sample below the cut, no more than `LONGEST_GAP_NS` after it; or executed in a
      history that nobody took over, by a node that came back after another had been promoted.
    - *undecided*: everything else, and all without samples of its primary or without a cut.

    Offsets decide, not clocks. An event's `asked_ns`, if recorded, is when the sample was asked for.
    """
    samples = samples_by_node(history)
    cuts = cuts_of(history)
    last_survivor: dict[tuple[str, str], int] = {}
    for op in losses.survived:
        if (era := _era(op, samples)) and _only_on(op, era[0]):
            last_survivor[era] = max(last_survivor.get(era, 0), op.invoked_ns)
    classes: dict[str, list[Op]] = defaultdict(list)
    for op in losses.lost:
        era = _era(op, samples)
        classes[_class_of(op, era, samples, cuts, last_survivor)].append(op)
    return Attribution(
        documented=tuple(classes["documented"]),
        unexpected=tuple(classes["unexpected"]),
        undecided=tuple(classes["undecided"]),
        cuts=tuple(cuts.values()),
    )


def _class_of(
    op: Op,
    era: tuple[str, str] | None,
    samples: Mapping[str, Sequence[Sample]],
    cuts: Mapping[tuple[str, str], Cut],
    last_survivor: Mapping[tuple[str, str], int],
) -> str:
    if era is None or op.completed_ns is None:
        return "undecided"
    if last_survivor.get(era, -1) >= op.completed_ns:
        return "unexpected"
    node, replid = era
    ends = [cut for cut in cuts.values() if cut.replid == replid and cut.node != node]
    if not ends:
        return "documented" if _superseded(op, node, cuts) else "undecided"
    cut = min(ends, key=lambda end: end.offset)
    own = [sample for sample in samples[node] if sample.is_master and sample.replid == replid]
    below = [sample for sample in own if sample.offset < cut.offset]
    if any(sample.asked_ns >= op.completed_ns for sample in below):
        return "unexpected"
    reached = any(s.answered_ns <= op.invoked_ns for s in own if s.offset >= cut.offset - 1)
    promoted = cut.seen_ns <= op.invoked_ns
    just_after = bool(below) and 0 <= op.invoked_ns - below[-1].answered_ns <= LONGEST_GAP_NS
    return "documented" if reached or promoted or just_after else "undecided"


def _superseded(op: Op, node: str, cuts: Mapping[tuple[str, str], Cut]) -> bool:
    """Whether the last promotion that was seen before the write is that of another node."""
    seen = [cut for cut in cuts.values() if cut.seen_ns <= op.invoked_ns]
    return bool(seen) and max(seen, key=lambda cut: cut.seen_ns).node != node


def _era(op: Op, samples: Mapping[str, Sequence[Sample]]) -> tuple[str, str] | None:
    """The node and the history (replid) in which an acknowledged write was executed, if the samples tell it."""
    if op.node is None or op.completed_ns is None:
        return None
    own = samples.get(op.node, ())
    before = own[: bisect_right(own, op.invoked_ns, key=lambda sample: sample.answered_ns)][-1:]
    after = own[bisect_left(own, op.completed_ns, key=lambda sample: sample.answered_ns) :][:1]
    near = [s for s in (*before, *after) if abs(s.answered_ns - op.completed_ns) <= LONGEST_GAP_NS]
    replids = {sample.replid for sample in near if sample.is_master}
    return (op.node, replids.pop()) if len(replids) == 1 else None


def _only_on(op: Op, node: str) -> bool:
    """Whether no earlier attempt may have written the value on another node."""
    tried = op.meta.get("tried")
    if isinstance(tried, list):
        return set(map(str, tried)) <= {node}
    return op.attempts in {None, 1}


def samples_by_node(history: History) -> dict[str, list[Sample]]:
    """What each node said of its replication, one after another."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    for event in history.events_named("replication"):
        offset, asked_ns = event.data.get("offset"), event.data.get("asked_ns", event.at_ns)
        if isinstance(offset, int) and isinstance(asked_ns, int):
            samples[event.source].append(
                Sample(
                    asked_ns=asked_ns,
                    answered_ns=event.at_ns,
                    is_master=event.data.get("role") == "master",
                    replid=str(event.data.get("replid")),
                    offset=offset,
                )
            )
    return samples


def cuts_of(history: History) -> dict[tuple[str, str], Cut]:
    """The end of every history that a promoted node took over, when it was first seen."""
    cuts: dict[tuple[str, str], Cut] = {}
    for event in _masters(history.events_named("replication")):
        replid, offset = event.data.get("replid2"), event.data.get("second_offset")
        if isinstance(replid, str) and isinstance(offset, int) and offset >= 0:
            cut = Cut(replid=replid, node=event.source, offset=offset, seen_ns=event.at_ns)
            cuts.setdefault((replid, event.source), cut)
    return cuts


def _masters(events: Iterable[Event]) -> Iterable[Event]:
    return (event for event in events if event.data.get("role") == "master")
