"""Faults that only a primary can have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site


def require_primaries(site: Site, what: str, *, because: str) -> None:
    """Refuse targets that say of themselves that they are something else: `what` on them would show nothing."""
    for node in site.nodes:
        role = node.role()
        if role is not None and role.role != "master":
            raise UsageError(
                f"{what} on {node.name}, which is not the primary and {because}", remedy="use the target 'primary'"
            )
