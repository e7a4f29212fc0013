"""A time axis on which instants are told apart and long waits are cut out, in whole columns or pixels. Pure.

Every two instants that differ have different columns, in the same order: two intervals overlap on the axis exactly if
they overlap in time. Between neighbouring instants the columns are in proportion to the time, but for the least that
each takes and for what is cut: time in which nothing began or ended, where it would take a third of the picture while
something else is too small to be seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

MOST_CUTS = 6
DOMINANT = 3
"""A gap is cut if this many of its length would be longer than all that is drawn…"""
LEGIBLE = 2
"""… and the shortest that is drawn would have fewer than this many of the least columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Time that is left out, between two neighbouring instants at columns `left` and `right`."""

    ns: int
    left: int
    right: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressedAxis:
    """Where each instant is drawn, from column 0; `end` is the column of the last one."""

    columns: Mapping[int, int]
    cuts: tuple[Cut, ...]
    end: int

    def held(self, at_ns: int | None) -> int:
        """The column of an instant of the axis; one outside, and none at all, is held at its edge."""
        if at_ns is None or at_ns > max(self.columns):
            return self.end
        return self.columns.get(at_ns, 0)


def compressed_axis(
    instants: Iterable[int],
    *,
    width: int,
    cut_width: Callable[[int], int],
    least: int = 1,
) -> CompressedAxis:
    """An axis of at least one instant, `width` columns from the first to the last, more if they need it.

    `cut_width` gives the columns from instant to instant for a cut of so many nanoseconds; other neighbours are at
    least `least` columns apart.
    """
    points = sorted(set(instants))
    gaps = list(pairwise(points))
    lengths = [after - before for before, after in gaps]
    cut = {at: cut_width(lengths[at]) for at in _dominant(lengths, width, cut_width, LEGIBLE * least)}
    kept = [at for at in range(len(gaps)) if at not in cut]
    shares = _shared([lengths[at] for at in kept], width - sum(cut.values()), least)
    widths = cut | dict(zip(kept, shares, strict=True))
    columns = dict.fromkeys(points[:1], 0)
    for at, (before, after) in enumerate(gaps):
        columns[after] = columns[before] + widths[at]
    cuts = (Cut(ns=lengths[at], left=columns[gaps[at][0]], right=columns[gaps[at][1]]) for at in sorted(cut))
    return CompressedAxis(columns=columns, cuts=tuple(cuts), end=max(columns.values()))


def _dominant(lengths: Sequence[int], width: int, cut_width: Callable[[int], int], legible: int) -> list[int]:
    """The gaps that leave no room for the rest, longest first; none that is drawn shorter than its cut."""
    drawn, chosen = sum(lengths), []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at])[:MOST_CUTS]:
        shortest = min(length for other, length in enumerate(lengths) if other not in chosen)
        is_cut_for_others = shortest * width < legible * drawn
        is_shorter_cut = cut_width(lengths[at]) * drawn < lengths[at] * width
        if not (is_cut_for_others and is_shorter_cut and lengths[at] * DOMINANT >= drawn):
            break
        chosen.append(at)
        drawn -= lengths[at]
    return chosen


def _shared(lengths: Sequence[int], width: int, least: int) -> list[int]:
    """`width` columns in proportion to the lengths, but at least `least` for each."""
    widths = [least] * len(lengths)
    loose, left = set(range(len(lengths))), width
    while loose:
        total = sum(lengths[at] for at in loose)
        small = {at for at in loose if lengths[at] * left < least * total}
        if not small:
            break
        loose -= small
        left -= least * len(small)
    total = sum(lengths[at] for at in loose)
    for at in loose:
        widths[at] = lengths[at] * left // total
    spare = sorted(loose, key=lambda at: -(lengths[at] * left % total))
    for at in spare[: left - sum(widths[at] for at in loose)]:
        widths[at] += 1
    return widths
