"""Freeze: a container is paused by its engine, all its processes at once, by the freezer of its control group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.faults.confined import confined, confinement_of
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import ping

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

SILENT_S = 0.3
"""How long a probe waits for the reply that must not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """The target's container is paused (`docker pause`), as a host does that moves or starves it. Healed by unpausing.

    To a client it is what `pause` is. No signal is sent: not even SIGKILL ends it before it is healed.
    """

    name: ClassVar[str] = "freeze"
    nature: ClassVar[Nature] = Nature(
        client_sees="connections stay open and nothing is answered: time-outs; late replies when it goes on",
        seen_by="the engine says that the container is paused, and a connection gets no reply",
        example='faults.freeze("primary")',
        needs=("containers",),
        cuts=True,
        keeps_data=True,
    )

    def inject(self, site: Site) -> Undo:
        """Pause each target's container."""
        return undoing_all([_freeze(node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """The engine says of each target that it is paused, and a connection to it gets no reply."""
        seen = []
        for node in site.nodes:
            found = confinement_of(node)
            if found is None or not found.paused:
                return ""
            direct = ping(node.direct, timeout_s=SILENT_S)
            if direct.ending != "silent":
                return ""
            seen.append(f"{node.name}: its container is paused, no reply within {direct.after_ms:.0f} ms")
        return "; ".join(seen)


def _freeze(node: Node) -> Undo:
    server = confined(node)
    server.freeze()
    return server.thaw
