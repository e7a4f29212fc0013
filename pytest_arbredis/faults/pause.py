"""Pause: the server's process is stopped (SIGSTOP), a zombie that holds its connections and answers nothing."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import ping

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

SILENT_S = 0.3
"""How long a probe waits for the reply that must not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """SIGSTOP of the target. Healed by SIGCONT: it goes on where it was, not knowing that time has passed."""

    name: ClassVar[str] = "pause"
    nature: ClassVar[Nature] = Nature(
        client_sees="connections stay open and nothing is answered: time-outs; late replies when it wakes",
        seen_by="the process lives, the kernel accepts a connection for it, and no reply comes",
        example='faults.pause("primary")',
        needs=("signals",),
        cuts=True,
        keeps_data=True,
    )

    def inject(self, site: Site) -> Undo:
        """Stop each target."""
        for node in site.nodes:
            node.server.signal(signal.SIGSTOP)
        return undoing_all([_go_on(node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """Each target has a process, the kernel accepts a connection for it, and no reply comes."""
        seen = []
        for node in site.nodes:
            direct = ping(node.direct, timeout_s=SILENT_S)
            if node.server.exit_status() is not None or direct.ending != "silent":
                return ""
            seen.append(f"{node.name}: pid {node.server.pid} lives, no reply within {direct.after_ms:.0f} ms")
        return "; ".join(seen)


def _go_on(node: Node) -> Undo:
    def undo() -> None:
        if node.is_running:
            node.server.signal(signal.SIGCONT)

    return undo
