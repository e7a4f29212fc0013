"""Restart: a server that ended is started again, as an operator or a process manager would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.probe import ping

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site, Undo


@dataclass(frozen=True, slots=True, kw_only=True)
class Restart:
    """The target runs again, with the configuration file and the data that it left."""

    name: ClassVar[str] = "restart"
    nature: ClassVar[Nature] = Nature(
        client_sees="the server answers again, for a moment with LOADING, with what its files held",
        seen_by="the target has a process again and answers a direct PING",
        example='faults.restart("crashed")',
        needs=("signals",),
        met_by="after",
        momentary=True,
        remedy=True,
        ends=("crash", "stop", "power_loss"),
        observed_within_s=10.0,
    )

    def inject(self, site: Site) -> Undo:
        """Start each target that does not run. If all of them run, that is a usage error: nothing would be shown."""
        if not site.ended:
            names = ", ".join(node.name for node in site.nodes)
            raise UsageError(f"a restart of {names}, which runs", remedy="crash it first; target 'crashed' finds it")
        for node in site.nodes:
            if node.name not in site.ended:
                continue
            if node in site.deployment.sentinels:  # it has to be tuned again
                site.deployment.start_again(node)
            else:
                node.server.start()
        return lambda: None

    def observe(self, site: Site) -> str:
        """Each target that did not run before has a process now and answers a direct PING."""
        seen = []
        for node in site.nodes:
            if node.server.exit_status() is not None or not ping(node.direct).answered:
                return ""
            if node.name in site.ended:
                seen.append(f"{node.name}: pid {node.server.pid}, answers directly")
        return "; ".join(seen)
