"""Fewer calls that are still not linearizable: what proves a violation that a search found.

Every step only weakens what is asked, so that what is left cannot be linearizable if the whole was:

- the calls invoked by some instant, where those that end later may take effect or not (prefixes of a linearizable
  history are linearizable);
- without reads; without calls that leave a value which no call left over has seen, because nobody notices their
  absence; with a write in the place of a cas, which asks nothing of the state;
- the calls that began after all others had ended, from any state (a suffix), if the rest does not get us to ten.

The writers of every value that is read stay, as long as one reader does: without them a violation would be made up.
What is left has no chunk that could go, found by halving (Zeller and Hildebrandt, 2002): small, though not always the
smallest there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from pytest_arbredis.checkers.linearizable_calls import Command, register_step
from pytest_arbredis.checkers.search import Call, Limits, search
from pytest_arbredis.history.columns import NEVER

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

C = TypeVar("C")

MOST: Final = 10
"""A finding proves itself by at most so many operations."""

_TRIES: Final = 2000


class _Any:
    """The state of a register of which nothing is known."""


ANY: Final = _Any()


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof(Generic[C]):
    """Calls that are not linearizable, by start; `last` ended last, and without its end the rest would be.

    With `from_any` they are not, whatever was in the register before.
    """

    calls: tuple[Call[C], ...]
    last: Call[C]
    from_any: bool = False


def prove_register(calls: Sequence[Call[Command]], limits: Limits) -> Proof[Command]:
    """The proof for calls of a register, which are known not to be linearizable."""
    tries = _Tries(limits)

    def violated(some: Sequence[Call[Command]]) -> bool:
        return tries.violated(some, None, register_step)

    def violated_from_any(some: Sequence[Call[Command]]) -> bool:
        return tries.violated(some, ANY, _step_from_any)

    prefix, last = shortest_prefix(calls, violated)
    small = _without_chunks(prefix, violated, _register_without)
    if len(small) > MOST:
        suffix = _shortest_suffix(small, violated_from_any)
        if suffix is not None:
            smaller = _without_chunks(suffix, violated_from_any, _register_without)
            return Proof(calls=tuple(smaller), last=last, from_any=True)
    return Proof(calls=tuple(small), last=last)


def prove_model(
    calls: Sequence[Call[C]], *, initial: Hashable, step: Callable[[Hashable, C], tuple[bool, Hashable]], limits: Limits
) -> Proof[C]:
    """The proof for calls of any object, of which is only known which of them are pure."""
    tries = _Tries(limits)

    def violated(some: Sequence[Call[C]]) -> bool:
        return tries.violated(some, initial, step)

    prefix, last = shortest_prefix(calls, violated)
    return Proof(calls=tuple(_without_chunks(prefix, violated, _pure_without)), last=last)


@dataclass(slots=True)
class _Tries:
    """Searches for a proof, up to a number; a search that ends undecided proves nothing."""

    limits: Limits
    left: int = _TRIES

    def violated(
        self, calls: Sequence[Call[C]], initial: Hashable, step: Callable[[Hashable, C], tuple[bool, Hashable]]
    ) -> bool:
        if self.left <= 0 or self.limits.clock.now_ns() > self.limits.until_ns:
            return False
        self.left -= 1
        return search(calls, initial=initial, step=step, limits=self.limits).answer == "violated"


def shortest_prefix(
    calls: Sequence[Call[C]], violated: Callable[[Sequence[Call[C]]], bool]
) -> tuple[list[Call[C]], Call[C]]:
    """The calls until the first instant at which they cannot be put in order, and the call that ended then."""
    ends = sorted((call for call in calls if call.required), key=lambda call: (call.end, call.start))
    low, high = 0, len(ends) - 1
    while low < high:
        middle = (low + high) // 2
        if violated(_until(calls, ends[middle].end)):
            high = middle
        else:
            low = middle + 1
    until = ends[high].end
    prefix = _until(calls, until) if high < len(ends) - 1 else list(calls)
    return sorted(prefix, key=lambda call: (call.start, call.id)), ends[high]


def _until(calls: Sequence[Call[C]], instant: int) -> list[Call[C]]:
    """What was invoked by then; what had not ended by then may have taken effect, a read of it says nothing."""
    started = (call for call in calls if call.start <= instant)
    return [
        call if not call.required or call.end <= instant else call._replace(required=False, end=NEVER)
        for call in started
        if call.end <= instant or not call.pure
    ]


def _shortest_suffix(
    calls: Sequence[Call[Command]], violated: Callable[[Sequence[Call[Command]]], bool]
) -> list[Call[Command]] | None:
    """The fewest last calls that cannot be put in order from any state, or None."""
    starts = sorted({call.start for call in calls})
    low, high = 0, len(starts)
    if not violated(calls):
        return None
    while high - low > 1:  # from `low` on they cannot
        middle = (low + high) // 2
        if violated(_since(calls, starts[middle])):
            low = middle
        else:
            high = middle
    return _since(calls, starts[low])


def _since(calls: Sequence[Call[Command]], instant: int) -> list[Call[Command]]:
    """What was invoked then or later; what was going on may have taken effect before, a read of it says nothing."""
    return [
        call if call.start >= instant or not call.required else call._replace(required=False, end=NEVER)
        for call in calls
        if call.start >= instant or (call.end >= instant and not call.pure)
    ]


def _step_from_any(state: Hashable, command: Command) -> tuple[bool, Hashable]:
    if state is not ANY or command.name == "write":
        return register_step(state, command)
    return True, command.value


def _without_chunks(
    calls: Sequence[Call[C]],
    violated: Callable[[Sequence[Call[C]]], bool],
    without: Callable[[list[Call[C]], set[int]], list[Call[C]]],
) -> list[Call[C]]:
    """Leave out chunk after chunk, of halving length, while the rest stays violated; until no single one can go."""
    kept = list(calls)
    length = max(1, len(kept) // 2)
    while True:
        changed = False
        place = len(kept)
        while place > 0:
            place = min(place, len(kept))
            chunk = {call.id for call in kept[max(0, place - length) : place]}
            fewer = without(kept, chunk)
            if fewer != kept and violated(fewer):
                kept, changed = fewer, True
            place -= length
        if length == 1 and not changed:
            return kept
        length = max(1, length // 2)


def _register_without(calls: list[Call[Command]], chunk: set[int]) -> list[Call[Command]]:
    """Without the chunk, as far as nobody left over saw a value of it; a cas that must stay asks nothing any more."""
    weaker = [
        call._replace(command=Command("write", call.command.value))
        if call.id in chunk and call.command.name == "cas"
        else call
        for call in calls
        if call.id not in chunk or not call.pure
    ]
    seen = {call.command.value for call in weaker if call.command.name == "read"}
    seen |= {call.command.old for call in weaker if call.command.name == "cas"}
    return [call for call in weaker if call.id not in chunk or call.command.value in seen]


def _pure_without(calls: list[Call[C]], chunk: set[int]) -> list[Call[C]]:
    return [call for call in calls if call.id not in chunk or not call.pure]
