"""A guard's finding: valid if there is no reason against it, else unknown with all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.checkers.verdict import Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.history.records import Json


def guarded(claim: str, reasons: Sequence[str], *, told: str, figures: Mapping[str, Json]) -> Finding:
    """`told` is the summary where nothing speaks against it; else it is the first reason, and the lines have all."""
    if not reasons:
        return Finding(claim=claim, verdict=Verdict.VALID, summary=told, figures=figures)
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return Finding(
        claim=claim, verdict=Verdict.UNKNOWN, summary=reasons[0] + more, figures=figures, lines=tuple(reasons)
    )
