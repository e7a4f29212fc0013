"""Blackhole: bytes to or from the target vanish, while connections seem to stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.passage import errand
from pytest_arbredis.proxy.toxics import Drop

if TYPE_CHECKING:
    from pytest_arbredis.proxy.toxics import Stream

Direction = Literal["replies", "requests", "both"]

STREAMS: dict[Direction, tuple[Stream, ...]] = {
    "replies": ("downstream",),
    "requests": ("upstream",),
    "both": ("upstream", "downstream"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blackhole:
    """Bytes in this direction are dropped; connections stay open, and end when it is healed.

    With `replies` a command is applied and its caller never learns it; with `requests` it never arrives.
    """

    name: ClassVar[str] = "blackhole"
    nature: ClassVar[Nature] = Nature(
        client_sees="connections stay open and nothing is answered: time-outs; once healed they end. Commands were "
        "applied if replies vanished, and were not if requests did",
        seen_by="a request through the proxy gets no reply; the server, asked directly, tells whether it arrived",
        example='faults.blackhole("primary", direction="requests")',
        needs=("proxies",),
        cuts=True,
        on_link=True,
    )

    direction: Direction = "replies"

    def __post_init__(self) -> None:
        """Refuse a direction that is none."""
        if self.direction not in get_args(Direction):
            raise UsageError.unknown("direction of a blackhole", str(self.direction), get_args(Direction))

    def inject(self, site: Site) -> Undo:
        """Add the toxics to each target's proxy."""
        return undoing_all(
            [
                add_toxic(site.deployment, node, Drop(stream=stream), fault=self.name)
                for node in site.nodes
                for stream in STREAMS[self.direction]
            ]
        )

    def observe(self, site: Site) -> str:
        """A request through each proxy gets no reply, and arrived only where it was to; a direct one is answered.

        Behind TLS, where a handshake comes first, nobody can tell whether it arrived.
        """
        must_arrive = self.direction == "replies"
        seen = []
        for node in site.nodes:
            sent = errand(node)
            if not sent.well or sent.reply != "silent" or sent.arrived not in (must_arrive, None):
                return ""
            what = {True: "a request arrived, ", False: "a request never arrived, ", None: ""}[sent.arrived]
            seen.append(f"{node.name}: {what}no reply within {sent.after_ms:.0f} ms, answers directly")
        return "; ".join(seen)
