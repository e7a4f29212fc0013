"""Whether one order of a key's values fits what was seen of it: times of writes, and what was read before what.

Values are taken out one after another: one may be next if no value that is left was seen before it, and none that is
left was over before it began. Where none may be next, the rest holds a cycle, and a shortest one is the proof.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_arbredis.checkers.versions import Version
    from pytest_arbredis.history.records import Op

MOST_SEARCHED: Final = 200
"""The shortest cycle is sought from this many values at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Two reads of one observer, one after the other, that gave two values."""

    first: Version
    then: Version
    reads: tuple[Op, Op]


def contradiction(sightings: Sequence[Sighting]) -> tuple[Op, ...]:
    """Reads and writes that allow no order of a key's values; none if there is one."""
    versions = list({id(one): one for sighting in sightings for one in (sighting.first, sighting.then)}.values())
    number = {id(version): index for index, version in enumerate(versions)}
    edges: dict[int, dict[int, Sighting]] = defaultdict(dict)
    for sighting in sightings:
        edges[number[id(sighting.first)]].setdefault(number[id(sighting.then)], sighting)
    left = _left_over(versions, edges)
    if not left:
        return ()
    cycle = _shortest_cycle(left, versions, edges)
    ops: dict[int, Op] = {}
    for here, there in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
        seen = edges[here].get(there)
        shown = versions[here].shown_before(versions[there].began_ns) if seen is None else seen.reads
        for op in (*versions[here].writes, *shown):
            ops[op.id] = op
    return tuple(ops.values())


def _left_over(versions: Sequence[Version], edges: dict[int, dict[int, Sighting]]) -> set[int]:
    waiting = [0] * len(versions)
    for after in edges.values():
        for there in after:
            waiting[there] += 1
    left = set(range(len(versions)))
    ready = [(version.began_ns, index) for index, version in enumerate(versions) if not waiting[index]]
    overs = [(version.over_ns, index) for index, version in enumerate(versions)]
    heapify(ready)
    heapify(overs)
    while ready:
        while overs[0][1] not in left:
            heappop(overs)
        began_ns, index = ready[0]
        if overs[0][0] < began_ns:
            break
        heappop(ready)
        left.discard(index)
        for there in edges.get(index, ()):
            waiting[there] -= 1
            if not waiting[there]:
                heappush(ready, (versions[there].began_ns, there))
    return left


def _shortest_cycle(left: set[int], versions: Sequence[Version], edges: dict[int, dict[int, Sighting]]) -> list[int]:
    """A shortest cycle through one of the values that a walk back from value to earlier value runs into twice."""
    first_over = min(left, key=lambda index: versions[index].over_ns)
    before: dict[int, int] = {there: here for here in left for there in edges.get(here, ()) if there in left}
    walked: dict[int, None] = {}
    here = first_over
    while here not in walked:
        walked[here] = None
        here = first_over if versions[first_over].over_ns < versions[here].began_ns else before[here]
    by_began = sorted(left, key=lambda index: versions[index].began_ns)
    starts = [*walked][[*walked].index(here) :][:MOST_SEARCHED]
    return min(filter(None, (_cycle_from(start, by_began, versions, edges) for start in starts)), key=len)


def _cycle_from(
    start: int, by_began: Sequence[int], versions: Sequence[Version], edges: dict[int, dict[int, Sighting]]
) -> list[int]:
    """A shortest cycle through `start`, by breadth first; nothing if there is none.

    All that began after a value was over comes after it: the end of `by_began`, of which each part is walked once.
    """
    left = set(by_began)
    came_from: dict[int, int] = {}
    queue = deque([start])
    unseen = len(by_began)
    while queue:
        here = queue.popleft()
        after = [there for there in edges.get(here, ()) if there in left]
        while unseen and versions[by_began[unseen - 1]].began_ns > versions[here].over_ns:
            unseen -= 1
            after.append(by_began[unseen])
        for there in after:
            if there not in came_from:
                came_from[there] = here
                queue.append(there)
        if start in came_from:
            cycle = [came_from[start]]
            while cycle[-1] != start:
                cycle.append(came_from[cycle[-1]])
            return cycle[::-1]
    return []
