"""Restart: a server that ended is started again, as an operator or a process manager would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.faults.probe import ping

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site, Undo


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The target runs again, with the configuration file and the data that it left."""

    name: ClassVar[str] = "restart"

    def inject(self, site: Site) -> Undo:
        """Start each target that does not run, and wait until it answers."""
        for node in site.nodes:
            if not node.is_running:
                node.server.start()
        for node in site.nodes:
            site.deployment.await_answering(node)
        return lambda: None

    def observe(self, site: Site) -> str:
        """Each target has a process and answers a direct PING."""
        seen = []
        for node in site.nodes:
            if node.server.exit_status() is not None or not ping(node.direct).answered:
                return ""
            seen.append(f"{node.name}: pid {node.server.pid}, answers directly")
        return "; ".join(seen)
