"""Hazards of retries: a command whose reply is lost is applied again, or applied although an error was reported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.checkers.applications import Application, applications, table
from pytest_arbredis.checkers.final import why_unread
from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from pytest_arbredis.history.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandsAreRepeated:
    """At least one increment that was asked for once has been applied more than once.

    A hazard: valid when shown, else unknown. The lines count what was reported, by how often it was applied.
    """

    @property
    def claim(self) -> str:
        """`commands_are_repeated`."""
        return "commands_are_repeated"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        found = applications(history)
        repeated = [one for one in found if one.times > 1]
        if repeated:
            most = max(one.times for one in repeated)
            summary = f"{len(repeated)} of {len(found)} increments applied more than once, up to {most} times"
        else:
            summary = f"none of {len(found)} increments was applied more than once"
        return _finding(self.claim, history, found, repeated, summary, shown=bool(repeated))


@dataclass(frozen=True, slots=True, kw_only=True)
class UnacknowledgedButApplied:
    """At least one increment that was reported as an error has been applied, exactly once, and none more often.

    A hazard: valid when shown, else unknown. For constructions that do not retry.
    """

    @property
    def claim(self) -> str:
        """`unacknowledged_but_applied`."""
        return "unacknowledged_but_applied"

    def __call__(self, history: History) -> Finding:
        """Judge one history."""
        found = applications(history)
        silent = [one for one in found if one.op.outcome != "ok" and one.times == 1]
        repeated = sum(one.times > 1 for one in found)
        summary = f"{len(silent)} of {len(found)} increments reported an error and were applied once"
        if repeated:
            summary += f"; {repeated} were applied more than once"
        return _finding(self.claim, history, found, silent, summary, shown=bool(silent) and not repeated)


def commands_are_repeated() -> CommandsAreRepeated:
    """At least one increment that was asked for once has been applied more than once."""
    return CommandsAreRepeated()


def unacknowledged_but_applied() -> UnacknowledgedButApplied:
    """At least one increment that was reported as an error has been applied, exactly once, and none more often."""
    return UnacknowledgedButApplied()


def _finding(
    claim: str,
    history: History,
    found: tuple[Application, ...],
    proof: list[Application],
    summary: str,
    *,
    shown: bool,
) -> Finding:
    return Finding(
        claim=claim,
        verdict=Verdict.VALID if shown else Verdict.UNKNOWN,
        summary=summary if found else f"no increment to judge: {why_unread(history)}",
        proof=tuple(one.op.id for one in proof[:10]),
        figures={
            "judged": len(found),
            "shown": len(proof),
            "most_times": max((one.times for one in found), default=0),
            "errors_reported": sum(one.op.outcome != "ok" for one in found),
        },
        lines=table(found),
    )
