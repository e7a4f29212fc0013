"""Stall: what is sent to the target is held on the way, and delivered when the stall is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.passage import errand
from pytest_arbredis.proxy.toxics import Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class Stall:
    """Requests to the target are held, and delivered when it is healed: commands are applied late, nothing is lost.

    Those of clients that gave up and hung up meanwhile too. With Sentinels a stall that outlasts their patience (500 ms
    with the fast timing) leads to another primary: what is then delivered late is applied, and acknowledged, by the old
    one, and lost when that is demoted. What the target sends of itself (replication, published messages) goes on.
    """

    name: ClassVar[str] = "stall"
    nature: ClassVar[Nature] = Nature(
        client_sees="connections stay open and nothing is answered: time-outs; once healed every command is applied, "
        "late, and who still waits is answered on the same connection",
        seen_by="a request through the proxy has not arrived at the server, which answers directly",
        example='faults.stall("primary")',
        needs=("proxies",),
        cuts=True,
        on_link=True,
    )

    def inject(self, site: Site) -> Undo:
        """Add the toxic to each target's proxy.

        In the direction of requests only: Toxiproxy would take many seconds (`links.REMOVED_WITHIN_S`) to remove it
        from the other, where Sentinels that hung up have left messages, and a held request has no reply anyway.
        """
        return undoing_all([add_toxic(site.deployment, node, Hold(), fault=self.name) for node in site.nodes])

    def observe(self, site: Site) -> str:
        """A request through each proxy has not arrived at the server, which answers directly."""
        seen = []
        for node in site.nodes:
            sent = errand(node)
            if not sent.well or sent.reply != "silent" or sent.arrived:
                return ""
            seen.append(f"{node.name}: a request has not arrived after {sent.after_ms:.0f} ms, answers directly")
        return "; ".join(seen)
