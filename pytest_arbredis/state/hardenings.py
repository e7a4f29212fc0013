"""The hardenings, by name: each can be left out of a piece of the layer by its private argument `_without`.

That is for the drills: with one left out, those that claim it, and no other, must become invalid (the ablation matrix).
Nobody else has a reason to.
"""

from __future__ import annotations

from typing import Final

from pytest_arbredis.state.errors import MisuseError

Without = frozenset[str]
"""Names of hardenings that are left out."""

NONE: Final[Without] = frozenset()


def require_known(without: Without, known: frozenset[str]) -> Without:
    """`without`, if the piece knows all of it: a switch that is parsed and ignored would make a drill vacuous."""
    strange = without - known
    if strange:
        raise MisuseError(
            f"no such hardening here: {', '.join(sorted(strange))}", remedy=f"known: {', '.join(sorted(known))}"
        )
    return without
