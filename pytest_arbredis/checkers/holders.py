"""A lock: one holder at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.effects import by_key
from pytest_arbredis.checkers.violations import Judged, Violation, apart, malformed, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_arbredis.checkers.verdict import Finding
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """From when to when somebody certainly held the lock."""

    by: Op
    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OneHolderAtATime:
    """Of the holders of a key none begins while another certainly holds it.

    `acquire` answers an object with `token` and `ttl_ms`; its holder certainly has the lock from the answer on, until
    its `release` begins or the time to live is over, counted from when it was asked for and less 1 % and 2 ms for
    clocks. A `release` belongs to the holder whose `token` it answers, or else to its process. An `acquire` that was
    refused (`fail`), or has no reply, holds nothing.

    Unknown unless one holder followed another. The proof is the two that held it at once.
    """

    @property
    def claim(self) -> str:
        """`one_holder_at_a_time`."""
        return "one_holder_at_a_time"

    def __call__(self, history: History) -> Finding:
        """Judge one history. Raises `MalformedHistoryError` for an acquire that does not say for how long."""
        violations: list[Violation] = []
        count = keys = acquired = 0
        for key, ops in by_key(history, ("acquire", "release")).items():
            holds = sorted(_holds(ops), key=lambda hold: hold.from_ns)
            acquired += len(holds)
            count += max(0, len(holds) - 1)
            keys += len(holds) > 1
            violations += _overlaps(key, holds)
        return Judged(
            claim=self.claim,
            noun="successions",
            count=count,
            keys=keys,
            acknowledged=acquired,
            ignored=len(history.ops) - len(history.named("acquire", "release")),
            violations=violations,
        ).finding()


def one_holder_at_a_time() -> OneHolderAtATime:
    """Of the holders of a lock none begins while another certainly holds it."""
    return OneHolderAtATime()


def _holds(ops: Sequence[Op]) -> Iterator[Hold]:
    releases = [op for op in ops if op.name == "release" and op.sent]
    for op in ops:
        if op.name == "acquire" and op.outcome == "ok" and op.completed_ns is not None:
            ttl_ms = op.output.get("ttl_ms") if isinstance(op.output, dict) else None
            if isinstance(ttl_ms, bool) or not isinstance(ttl_ms, int | float):
                raise malformed(op, f"{shown(op.output)} has no ttl_ms", remedy='answer {"token": …, "ttl_ms": …}')
            over_ns = op.invoked_ns + round((ttl_ms * 0.99 - 2) * NS_PER_MS)
            ends = [one.invoked_ns for one in releases if _ends(one, op)]
            yield Hold(by=op, from_ns=op.completed_ns, until_ns=min([over_ns, *ends]))


def _ends(release: Op, acquire: Op) -> bool:
    token = _token(release)
    if token is not None:
        return token == _token(acquire) and release.invoked_ns >= acquire.invoked_ns
    return release.process == acquire.process and release.invoked_ns >= acquire.invoked_ns


def _token(op: Op) -> Json:
    return op.output.get("token") if isinstance(op.output, dict) else None


def _overlaps(key: str | None, holds: Sequence[Hold]) -> Iterator[Violation]:
    """Each hold that begins within another: with the one of those that lasts longest."""
    longest: Hold | None = None
    for hold in holds:
        if longest is not None and hold.from_ns < min(longest.until_ns, hold.until_ns):
            yield Violation(
                kind="held twice at once",
                what=f"{shown(key)} was held by acquire {longest.by.id}, and by acquire {hold.by.id} for "
                f"{apart(hold.from_ns, min(longest.until_ns, hold.until_ns))} of that",
                ops=(longest.by, hold.by),
            )
        if longest is None or hold.until_ns > longest.until_ns:
            longest = hold
