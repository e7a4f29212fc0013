"""The ambiguity ledger: what was reported of each operation, against how often it was applied."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.applications import TOKENS, Application, applications, table, token_applications
from pytest_arbredis.checkers.final import why_unread
from pytest_arbredis.checkers.losses import ids_of
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.records import Json, Op


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedAtMost:
    """No operation was applied more than `k` times, and none that was reported as failed at all.

    Judged are increments on keys of their own (the operation `increment`), and operations called `tokens` whose input,
    a token, is given to their key once only; the final reads tell how often each was applied. What is consumed again
    cannot be counted. `client` restricts it to the operations of one construction of the client (`meta.client`, or else
    the header's `subject`); the lines count by construction.

    Unknown if an operation could not be counted, or if there was none. The proof is the operation and the final read of
    its key.
    """

    k: int
    tokens: tuple[str, ...] = TOKENS
    client: str | None = None

    def __post_init__(self) -> None:
        """Refuse a bound that an acknowledged operation breaks."""
        if self.k < 1:
            raise UsageError(f"k={self.k!r} times", remedy="use 1 or more: what is acknowledged is applied once")

    @property
    def claim(self) -> str:
        """`applied_at_most`."""
        return "applied_at_most"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""

        def allowed(one: Application) -> bool:
            return one.times <= (0 if one.op.outcome == "fail" else self.k)

        return _finding(
            self.claim,
            history,
            tokens=self.tokens,
            client=self.client,
            allowed=allowed,
            judged=_sent,
            wrong=f"more than {_times(self.k)}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedAtLeast:
    """Every acknowledged operation was applied `k` times or more.

    Counted as `applied_at_most` counts. Unknown if an acknowledged operation could not be counted, or if there was
    none. The proof is the operation and the final read of its key.
    """

    k: int = 1
    tokens: tuple[str, ...] = TOKENS
    client: str | None = None

    def __post_init__(self) -> None:
        """Refuse a bound that every operation meets."""
        if self.k < 1:
            raise UsageError(f"k={self.k!r} times", remedy="use 1 or more")

    @property
    def claim(self) -> str:
        """`applied_at_least`."""
        return "applied_at_least"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""

        def allowed(one: Application) -> bool:
            return one.times >= self.k

        return _finding(
            self.claim,
            history,
            tokens=self.tokens,
            client=self.client,
            allowed=allowed,
            judged=_acknowledged,
            wrong=f"less than {_times(self.k)}",
        )


def applied_at_most(k: int, *, tokens: Iterable[str] = TOKENS, client: str | None = None) -> AppliedAtMost:
    """No operation was applied more than `k` times, and none that was reported as failed at all."""
    return AppliedAtMost(k=k, tokens=tuple(tokens), client=client)


def applied_at_least(k: int = 1, *, tokens: Iterable[str] = TOKENS, client: str | None = None) -> AppliedAtLeast:
    """Every acknowledged operation was applied `k` times or more."""
    return AppliedAtLeast(k=k, tokens=tuple(tokens), client=client)


def _finding(
    claim: str,
    history: History,
    *,
    tokens: tuple[str, ...],
    client: str | None,
    allowed: Callable[[Application], bool],
    judged: Callable[[Op], bool],
    wrong: str,
) -> Finding:
    def wanted(op: Op) -> bool:
        return judged(op) and client in {None, _client(op, history)}

    ops = [op for op in history.named("increment", *tokens) if op.sent and wanted(op)]
    counted = [one for one in (*applications(history), *token_applications(history, tokens)) if wanted(one.op)]
    broken = [one for one in counted if not allowed(one)]
    uncounted = len(ops) - len(counted)
    most = max((one.times for one in counted), default=0)
    verdict, summary = Verdict.VALID, f"none of {len(counted)} operations was applied {wrong}"
    if broken:
        verdict, summary = Verdict.INVALID, f"{len(broken)} of {len(counted)} operations were applied {wrong}"
        failed = [one for one in broken if one.op.outcome == "fail"]
        if failed:
            summary += f"; {len(failed)} of them had been reported as failed"
        summary += f" (at most {most})"
    elif not ops:
        verdict, summary = Verdict.UNKNOWN, "no operation to judge: none has a token or a key of its own"
    elif uncounted:
        verdict = Verdict.UNKNOWN
        summary = f"{uncounted} of {len(ops)} operations could not be counted: {_why_uncounted(history, ops, counted)}"
    figures: dict[str, Json] = {
        "judged": len(counted),
        "uncounted": uncounted,
        "broken": len(broken),
        "most_times": most,
        "errors_reported": sum(one.op.outcome != "ok" for one in counted),
        "broken_ids": ids_of(one.op for one in broken),
    }
    proof = [op.id for one in broken[:1] for op in (one.op, *_last_read(history, one.op))]
    return Finding(
        claim=claim,
        verdict=verdict,
        summary=summary,
        proof=tuple(proof),
        figures=figures,
        lines=_by_client(history, counted),
    )


def _sent(op: Op) -> bool:
    return op.sent


def _acknowledged(op: Op) -> bool:
    return op.applied


def _times(k: int) -> str:
    return "once" if k == 1 else f"{k} times"


def _client(op: Op, history: History) -> str:
    return str(op.meta.get("client") or history.header.subject)


def _by_client(history: History, counted: list[Application]) -> tuple[str, ...]:
    """The table of every construction of the client, under its name where there are several."""
    groups: dict[str, list[Application]] = defaultdict(list)
    for one in counted:
        groups[_client(one.op, history)].append(one)
    if len(groups) < 2:
        return table(counted)
    return tuple(f"{client}: {line}" for client, group in sorted(groups.items()) for line in table(group))


def _last_read(history: History, op: Op) -> list[Op]:
    return [read for read in history.final_reads() if read.key == op.key and read.outcome == "ok"][-1:]


def _why_uncounted(history: History, ops: list[Op], counted: list[Application]) -> str:
    read = {read.key for read in history.final_reads() if read.outcome == "ok"}
    told = {one.op.id for one in counted}
    if history.phase_ns("settled") is not None and all(op.key in read for op in ops if op.id not in told):
        return "their token or key is not theirs alone"
    return why_unread(history)
