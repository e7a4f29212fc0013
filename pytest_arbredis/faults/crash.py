"""Crash: the server's process is killed (SIGKILL). Its memory is gone, what it wrote to files is not."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import ClassVar

from pytest_arbredis.faults.ended import ended_by, starting_again
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """SIGKILL of the target. Healed by starting it again with the configuration file that it left."""

    name: ClassVar[str] = "crash"
    nature: ClassVar[Nature] = Nature(
        client_sees="open connections end, new ones are refused or end at once; with Sentinels another primary",
        seen_by="the process table has an exit status, and the port refuses connections",
        example='faults.crash("primary")',
        needs=("signals",),
        cuts=True,
        probe_counts=True,
        keeps_data=True,
        observed_within_s=5.0,
    )

    def inject(self, site: Site) -> Undo:
        """Kill each target."""
        for node in site.nodes:
            node.server.signal(signal.SIGKILL)
        return undoing_all([starting_again(site.deployment, node) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """The process table has an exit status for each target, and its port refuses connections."""
        return ended_by(site, lambda _: True)
