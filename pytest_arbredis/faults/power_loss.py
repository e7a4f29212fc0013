"""Power loss: the machine goes dark. The server's memory is gone, and so is what it wrote and had not synced."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.ended import ended_by, starting_again
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.servers.power_cut import bytes_written, cut_power, unsynced

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

ENDS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLoss:
    """SIGKILL of the target, whose files are then cut to what fsync had promised to keep.

    A crash leaves what the server wrote, because the kernel has it; this does not. A name that was made, changed or
    removed since its directory was synced is as before. It is the least that Linux promises: a real disk may have kept
    more. What stood when the topology was formed, or reset, counts as synced.
    Healed by starting it again on what is left; `restart("crashed")` does so too.
    """

    name: ClassVar[str] = "power_loss"
    nature: ClassVar[Nature] = Nature(
        client_sees="what a crash looks like; after a restart the last writes are gone, though they were acknowledged",
        seen_by="the process table says SIGKILL, the port refuses connections, and its files hold nothing that was not "
        "synced",
        example='faults.power_loss("primary")',
        needs=("signals", "power"),
        cuts=True,
        probe_counts=True,
        notes_files=True,
        observed_within_s=5.0,
    )

    def inject(self, site: Site) -> Undo:
        """Kill all targets, then cut the files of each. A Sentinel is refused: its syncs are not noted."""
        for node in site.nodes:
            if node in site.deployment.sentinels:
                raise UsageError(
                    f"a loss of power of {node.name}, a Sentinel", remedy="crash it; it syncs what it decides"
                )
        for node in site.nodes:
            node.server.signal(signal.SIGKILL)
        for node in site.nodes:
            _await_end(node)
            cut_power(node.server.spec)
        return undoing_all([starting_again(site.deployment, node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """Each target was killed, its port refuses connections, and there is no byte and no name beyond the synced."""
        ended = ended_by(site, lambda status: status == -signal.SIGKILL)
        if not ended or any(unsynced(node.server.spec) for node in site.nodes):
            return ""
        left = [
            f"{node.name}: had {site.written[node.name]} bytes in files, {bytes_written(node.server.spec)} are left, "
            "all of them synced"
            for node in site.nodes
        ]
        return "; ".join([ended, *left])


def _await_end(node: Node) -> None:
    wait_until(lambda: not node.is_running, within_s=ENDS_WITHIN_S, what=f"the end of {node.name}")
