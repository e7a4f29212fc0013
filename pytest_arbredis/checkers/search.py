"""Linearizability by search: is there an order of the calls of one object that its sequential specification allows?

The algorithm is that of Wing and Gong (1993) with Lowe's memory of configurations (2017): depth first over all orders
that keep real time, and never twice from the same set of placed calls and the same state. The problem is NP-complete,
so steps, memory and time are bounded, and beyond them the answer is `undecided`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, Generic, Literal, NamedTuple, TypeVar

from pytest_arbredis._clock import CLOCK, NS_PER_S, Clock

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

C = TypeVar("C")
S = TypeVar("S", bound="Hashable")

Answer = Literal["linearizable", "violated", "undecided"]

_ENTRY_BYTES: Final = 250
"""What a remembered configuration takes at least: a tuple, its numbers and its place in the set."""

_LOOK_AT_CLOCK_EVERY: Final = 256


class Call(NamedTuple, Generic[C]):
    """One call of the object, with the interval in which it took effect (nanoseconds, both ends included).

    A call that is not `required` may take effect at any time after `start`, or never; its `end` means nothing. A `pure`
    one never changes the state. `id` is the operation's.
    """

    id: int
    command: C
    start: int
    end: int
    required: bool = True
    pure: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far a search may go: calls tried, bytes of remembered configurations, and a time of the clock."""

    steps: int
    memory_bytes: int
    until_ns: int
    clock: Clock = CLOCK

    @classmethod
    def of(cls, *, steps: int, memory_bytes: int, seconds: float, clock: Clock = CLOCK) -> Limits:
        """Limits that count from now."""
        until_ns = clock.now_ns() + round(seconds * NS_PER_S)
        return cls(steps=steps, memory_bytes=memory_bytes, until_ns=until_ns, clock=clock)


@dataclass(frozen=True, slots=True, kw_only=True)
class Searched:
    """What a search found and explored.

    `steps` calls were tried, `configurations` remembered; at best `placed` of the required calls could be put in order.
    `why` says which limit made it undecided.
    """

    answer: Answer
    steps: int
    configurations: int
    placed: int
    why: str = ""


def search(calls: Sequence[Call[C]], *, initial: S, step: Callable[[S, C], tuple[bool, S]], limits: Limits) -> Searched:
    """Whether the calls are linearizable, by a specification `step(state, command)` → (allowed, next state).

    One call comes before another in every order only if its end is before the other's start; at the same nanosecond
    they are concurrent. A pure call that the state allows is placed at once: where it would fit later, it fits now.
    """
    return _Search(calls, step, limits).run(initial)


class _Frame(NamedTuple, Generic[S]):
    """A configuration on the way down: what to try from it, and how to undo the call that led to it."""

    candidates: list[tuple[int, S]]
    undone: int
    low: int
    mask: int
    used: int


class _Search(Generic[C, S]):
    """One search. Required calls have numbers from 0, by start; the others follow.

    Entries of the linked list are the starts (even: 2 + twice the number) and ends (odd) of required calls by time,
    starts first where they are equal; entry 0 is its head and 1 its tail. Placed calls are taken out of it. A
    configuration is (low, mask, used, state): all required calls below `low` are placed, those above it that are in
    `mask`, and of the others those in `used`.
    """

    def __init__(self, calls: Sequence[Call[C]], step: Callable[[S, C], tuple[bool, S]], limits: Limits) -> None:
        required = sorted((call for call in calls if call.required), key=lambda call: (call.start, call.end))
        optional = sorted((call for call in calls if not call.required), key=lambda call: call.start)
        self.calls = [*required, *optional]
        self.count = len(required)
        self.step = step
        self.limits = limits
        self.steps = 0
        events = [(call.start, 0, 2 * i + 2) for i, call in enumerate(required)]
        events += [(call.end, 1, 2 * i + 3) for i, call in enumerate(required)]
        order = [0, *(entry for *_, entry in sorted(events)), 1]
        self.after = [0] * (2 * self.count + 2)
        self.before = [0] * (2 * self.count + 2)
        for one, other in pairwise(order):
            self.after[one], self.before[other] = other, one
        self.waiting = range(self.count, len(self.calls))
        self.alike = _alike(self.calls)

    def run(self, state: S) -> Searched:
        """Depth first, with a stack of our own: a history is deeper than Python's."""
        seen: set[tuple[int, int, int, S]] = set()
        bytes_seen = depth = deepest = 0
        low = mask = used = 0
        stack: list[_Frame[S]] = [_Frame(self._candidates(state, used), -1, low, mask, used)]
        looks = 0
        while depth < self.count:
            if not stack:
                return self._told("violated", seen, deepest)
            frame = stack[-1]
            if not frame.candidates:
                stack.pop()
                low, mask, used = frame.low, frame.mask, frame.used
                if 0 <= frame.undone < self.count:
                    self._put_back(frame.undone)
                    depth -= 1
                continue
            chosen, state = frame.candidates.pop()
            before = (low, mask, used)
            if chosen < self.count:
                mask |= 1 << (chosen - low)
                while mask & 1:
                    mask >>= 1
                    low += 1
            else:
                used |= 1 << (chosen - self.count)
            if not self.calls[chosen].pure:
                configuration = (low, mask, used, state)
                if configuration in seen:
                    low, mask, used = before
                    continue
                seen.add(configuration)
                bytes_seen += _ENTRY_BYTES + (mask.bit_length() + used.bit_length()) // 7
            if chosen < self.count:
                self._take_out(chosen)
                depth += 1
                deepest = max(deepest, depth)
            stack.append(_Frame(self._candidates(state, used), chosen, *before))
            looks += 1
            why = self._spent(bytes_seen, look=looks % _LOOK_AT_CLOCK_EVERY == 0)
            if why and depth < self.count:
                return self._told("undecided", seen, deepest, why)
        return self._told("linearizable", seen, deepest)

    def _candidates(self, state: S, used: int) -> list[tuple[int, S]]:
        """The calls that may come next, with the state after them; those that began first are last.

        Of equal calls only the one that ends first: in any order the two can change places.
        """
        found: dict[int, tuple[int, S]] = {}
        entry = self.after[0]
        while not entry & 1:
            number = entry // 2 - 1
            call, kind = self.calls[number], self.alike[number]
            entry = self.after[entry]
            other = found.get(kind)
            if other is not None:
                if call.end < self.calls[other[0]].end:
                    found[kind] = number, other[1]
                continue
            self.steps += 1
            allowed, then = self.step(state, call.command)
            if allowed:
                if call.pure and then == state:
                    return [(number, then)]
                found[kind] = number, then
        placeable = [*found.values()]
        placeable.reverse()
        if entry == 1:
            return placeable
        return [*self._unknown(state, used, self.calls[entry // 2 - 1].end, {*found}), *placeable]

    def _unknown(self, state: S, used: int, until: int, tried: set[int]) -> list[tuple[int, S]]:
        """Calls with an unknown outcome that may come next, if they change the state; the first of equal ones.

        One that changes nothing may as well come later, or never, and so may the equal of a call that is required.
        """
        found: list[tuple[int, S]] = []
        for number in self.waiting:
            call, kind = self.calls[number], self.alike[number]
            if call.start > until:
                break
            if kind in tried or used >> (number - self.count) & 1:
                continue
            tried.add(kind)
            self.steps += 1
            allowed, then = self.step(state, call.command)
            if allowed and then != state:
                found.append((number, then))
        found.reverse()
        return found

    def _take_out(self, number: int) -> None:
        after, before = self.after, self.before
        for entry in (2 * number + 2, 2 * number + 3):
            after[before[entry]], before[after[entry]] = after[entry], before[entry]

    def _put_back(self, number: int) -> None:
        after, before = self.after, self.before
        for entry in (2 * number + 3, 2 * number + 2):
            after[before[entry]] = before[after[entry]] = entry

    def _spent(self, bytes_seen: int, *, look: bool) -> str:
        limits = self.limits
        if self.steps > limits.steps:
            return f"after {self.steps} steps"
        if bytes_seen > limits.memory_bytes:
            return f"with {bytes_seen / 2**20:.1f} MiB of memory taken"
        if look and limits.clock.now_ns() > limits.until_ns:
            return "when its time was over"
        return ""

    def _told(self, answer: Answer, seen: set[tuple[int, int, int, S]], placed: int, why: str = "") -> Searched:
        return Searched(answer=answer, steps=self.steps, configurations=len(seen), placed=placed, why=why)


def _alike(calls: Sequence[Call[C]]) -> list[int]:
    """A number for each call, the same for equal commands; commands that cannot be hashed count as different."""
    numbers: dict[object, int] = {}
    found: list[int] = []
    for position, call in enumerate(calls):
        try:
            found.append(numbers.setdefault(call.command, position))
        except TypeError:
            found.append(position)
    return found
