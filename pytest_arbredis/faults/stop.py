"""Stop: the server ends in good order (SIGTERM), as at an update: it saves what it is told to save, and says good-bye.

A primary with replicas that lag waits for them first, for up to its `shutdown-timeout` (10 s), and takes no writes.
"""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.faults.ended import ended_by, starting_again
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """SIGTERM of the target. Healed by starting it again with the configuration file that it left."""

    name: ClassVar[str] = "stop"
    nature: ClassVar[Nature] = Nature(
        client_sees="open connections end (FIN), new ones are refused; with Sentinels another primary",
        seen_by="the process table has the exit status 0, and the port refuses connections",
        example='faults.stop("primary")',
        needs=("signals",),
        cuts=True,
        probe_counts=True,
        keeps_data=True,
        observed_within_s=15.0,
    )

    def inject(self, site: Site) -> Undo:
        """Ask each target to end."""
        for node in site.nodes:
            node.server.signal(signal.SIGTERM)
        return undoing_all([_start_again(site.deployment, node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """Each target ended by itself, with status 0, and its port refuses connections."""
        return ended_by(site, lambda status: status == 0)


def _start_again(deployment: Deployment, node: Node) -> Undo:
    def undo() -> None:
        if node.is_running:
            _stay(node)
        starting_again(deployment, node)()

    return undo


def _stay(node: Node) -> None:
    """One that still waits for its replicas shall not end after all."""
    import redis

    with contextlib.suppress(redis.RedisError):  # nothing to abort, or a version that waits for nobody
        node.client.execute_command("SHUTDOWN", "ABORT")
