"""Reset: connections through the target's address are cut with RST as soon as they carry data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import contrast
from pytest_arbredis.proxy.toxics import ResetPeer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """Every connection to the target is reset when data arrives on it; idle ones survive until they are used."""

    name: ClassVar[str] = "reset"
    nature: ClassVar[Nature] = Nature(
        client_sees="ECONNRESET on the next reply, again after every reconnect",
        seen_by="a PING through the proxy is reset, a direct one is answered",
        example='faults.reset("primary")',
        needs=("proxies",),
        on_link=True,
    )

    def inject(self, site: Site) -> Undo:
        """Add the toxic to each target's proxy."""
        return undoing_all([add_toxic(site.deployment, node, ResetPeer(), fault=self.name) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A PING through each proxy ends with a reset, a direct one is answered."""
        seen = []
        for node in site.nodes:
            found = contrast(node)
            if found.through.ending != "reset" or not found.direct.answered:
                return ""
            seen.append(f"{node.name}: reset after {found.through.after_ms:.1f} ms, answers directly")
        return "; ".join(seen)
