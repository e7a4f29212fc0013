"""The operations that wait, the oldest first. Not thread-safe: whoever has it holds a lock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable  # noqa: TC003 - dataclass fields are resolved at run time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_arbredis.state.clock import NS_PER_S
from pytest_arbredis.state.errors import BacklogFullError

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.hardenings import Without
    from pytest_arbredis.state.kinds import Kind
    from pytest_arbredis.state.offline.policy import OfflinePolicy


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Waiting:
    """An operation: how its plan is made, for each attempt anew, and until when it may be sent (monotonic ns)."""

    what: str
    make: Callable[[], Plan[Any]]
    kind: Kind
    since_ns: int
    until_ns: int

    def left_s(self, now_ns: int) -> float:
        """Seconds in which it may still be sent."""
        return (self.until_ns - now_ns) / NS_PER_S


class Backlog:
    """At most `policy.most` operations, the one that is being sent included."""

    def __init__(self, policy: OfflinePolicy, without: Without) -> None:
        self._policy = policy
        self._bounded = "bounded" not in without
        self._expires = "expiry" not in without
        self._waiting: deque[Waiting] = deque()
        self._sending: Waiting | None = None

    def __len__(self) -> int:
        return len(self._waiting) + (self._sending is not None)

    @property
    def oldest(self) -> Waiting | None:
        """The one that waits for the longest."""
        return self._sending or (self._waiting[0] if self._waiting else None)

    def add(self, one: Waiting) -> Waiting | None:
        """Take it in as the youngest; gives the one that made room for it, if one had to.

        Raises `BacklogFullError` where that is the policy, and where the only other one is being sent.
        """
        dropped = None
        if self._bounded and len(self) >= self._policy.most:
            if self._policy.when_full == "refuse" or not self._waiting:
                raise BacklogFullError(
                    f"Redis is away, and {len(self)} operations wait already: {one.what!r} was not taken",
                    remedy="serve without it, or see that Redis comes back; the policy's `most` is the limit",
                )
            dropped = self._waiting.popleft()
        self._waiting.append(one)
        return dropped

    def expired(self, now_ns: int) -> list[Waiting]:
        """Take out those whose time is over. Each has its own, so it need not be the oldest."""
        if not self._expires:
            return []
        over = [one for one in self._waiting if one.until_ns <= now_ns]
        if over:
            self._waiting = deque(one for one in self._waiting if one.until_ns > now_ns)
        return over

    def begin(self) -> Waiting | None:
        """The oldest one, which is being sent from now on; None if there is none."""
        self._sending = self._waiting.popleft() if self._waiting else None
        return self._sending

    def end(self, *, again: bool) -> None:
        """It was sent; or, with `again`, it was not, and is the oldest as before."""
        one, self._sending = self._sending, None
        if again and one is not None:
            self._waiting.appendleft(one)

    def clear(self) -> list[Waiting]:
        """Take all of them out, but for the one that is being sent."""
        left = list(self._waiting)
        self._waiting.clear()
        return left
