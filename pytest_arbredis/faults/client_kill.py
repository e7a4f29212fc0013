"""Client kill: the server closes the connections of its clients, once; they may connect again at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.topology.node import HARNESS_CLIENT

if TYPE_CHECKING:
    from pytest_arbredis.faults.fault import Site, Undo
    from pytest_arbredis.topology.node import Node

SPARED = (HARNESS_CLIENT, "sentinel-")
"""Names, or beginnings of names, of connections that stay: the harness's own, and those of Sentinels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientKill:
    """CLIENT KILL of every connection of ordinary clients and subscribers; Sentinels, replicas and the harness stay.

    Where nobody is connected it kills nothing, and is not observed.
    """

    name: ClassVar[str] = "client_kill"
    nature: ClassVar[Nature] = Nature(
        client_sees="every open connection ends, also those in a pool and subscriptions; new ones are served at once",
        seen_by="CLIENT LIST has none of the connections any more that clients had before",
        example="faults.client_kill()",
        cuts=True,
        momentary=True,
        met_by="after",
        notes_clients=True,
        observed_within_s=1.0,
    )

    def inject(self, site: Site) -> Undo:
        """Kill them one by one, by id."""
        for node in site.nodes:
            for number in _killable(node):
                node.client.execute_command("CLIENT", "KILL", "ID", number)
        return lambda: None

    def observe(self, site: Site) -> str:
        """None of the connections that clients had just before the injection is listed any more."""
        import redis

        seen = []
        for node in site.nodes:
            before = {number for name, number in site.clients if name == node.name}
            try:
                listed = {int(client["id"]) for client in node.client.client_list()}
            except redis.RedisError:
                return ""
            if not before or before & listed:
                return ""
            seen.append(f"{node.name}: {len(before)} connections of clients are gone")
        return "; ".join(seen)


def _killable(node: Node) -> list[int]:
    clients = [client for kind in ("normal", "pubsub") for client in node.client.client_list(_type=kind)]
    return [int(client["id"]) for client in clients if not client.get("name", "").startswith(SPARED)]
