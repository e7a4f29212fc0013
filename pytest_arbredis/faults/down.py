"""Down: nobody reaches the target through its address; the server itself goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import contrast

if TYPE_CHECKING:
    from pytest_arbredis.proxy.control import Control
    from pytest_arbredis.topology.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """The proxy of the target is disabled: old connections end with FIN, new ones are refused."""

    name: ClassVar[str] = "down"
    nature: ClassVar[Nature] = Nature(
        client_sees="open connections end (FIN), new ones are refused",
        seen_by="a connection through the proxy is refused or ends, a direct one answers",
        example='faults.down("primary")',
        needs=("proxies",),
        cuts=True,
        on_link=True,
    )

    def inject(self, site: Site) -> Undo:
        """Disable each target's proxy."""
        return undoing_all([_disable(site.deployment.control, node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A PING through each proxy is refused or cut, a direct one is answered."""
        seen = []
        for node in site.nodes:
            found = contrast(node)
            if found.through.answered or found.through.ending == "silent" or not found.direct.answered:
                return ""
            seen.append(f"{node.name}: {found.through.ending} through its address, answers directly")
        return "; ".join(seen)


def _disable(control: Control, node: Node) -> Undo:
    control.disable(node.name)
    return lambda: control.enable(node.name)
