"""Out of memory: `maxmemory` under `noeviction`, really filled, so that Redis refuses writes with -OOM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.memory import CHUNK, FILLER, MB, counted, limited, require_headroom
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.primaries import require_primaries
from pytest_arbredis.faults.refusal import refusal

if TYPE_CHECKING:
    from pytest_arbredis.topology.node import Node

AT_ONCE = 16
"""Chunks in one round trip; their 64 KB in buffers are well within the margin."""

REFUSED = ("OOM", "command not allowed when used memory")

MARGIN_BYTES = 512 * 1024
"""The limit ends this far below what is used, so that memory given back by buffers makes no room for writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfMemory:
    """The target has `headroom_mb` left above what it uses, and that is filled with keys of ours until it refuses.

    The limit is then lowered a little below what is used, so that it goes on refusing.
    Healed by removing the filler and restoring the settings, in the server and in its file.
    """

    name: ClassVar[str] = "out_of_memory"
    nature: ClassVar[Nature] = Nature(
        client_sees="writes are refused with OOM, reads go on",
        seen_by="a write through the proxy is refused with OOM, and INFO says that the memory is used up",
        example='faults.out_of_memory("primary", headroom_mb=8)',
        probe_counts=True,
    )

    headroom_mb: int = 8

    def __post_init__(self) -> None:
        """Refuse a headroom that could not be filled, or would fill the machine."""
        require_headroom(self.headroom_mb)

    def inject(self, site: Site) -> Undo:
        """Limit the memory of each target and fill it; a replica is filled by its primary only, so it is refused."""
        require_primaries(site, "out of memory", because="takes no writes")
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                undos.append(limited(site.deployment, node, policy="noeviction", headroom_mb=self.headroom_mb))
                self._fill(node)
        except BaseException:
            undo()
            raise
        return undo

    def _fill(self, node: Node) -> None:
        import redis

        for first in range(0, 4 * self.headroom_mb * MB // len(CHUNK), AT_ONCE):
            filling = node.client.pipeline(transaction=False)
            for index in range(first, first + AT_ONCE):
                filling.set(f"{FILLER}:{index}", CHUNK)
            refused = [answer for answer in filling.execute(raise_on_error=False) if isinstance(answer, Exception)]
            for error in refused:
                if not isinstance(error, redis.ResponseError) or not str(error).startswith(REFUSED):
                    raise error
            if refused:
                node.client.config_set("maxmemory", counted(node) - MARGIN_BYTES)
                return

    def observe(self, site: Site) -> str:
        """A write through each target's proxy is refused with OOM, and INFO says that the memory is used up."""
        seen = []
        for node in site.nodes:
            info = cast("dict[str, int]", node.client.info("memory"))
            limit, used = int(info["maxmemory"]), int(info["used_memory"])
            if not limit or refusal(node, size=len(CHUNK)) != "OOM":
                return ""
            seen.append(f"{node.name}: refuses a write with OOM, {used / MB:.1f} of {limit / MB:.1f} MB used")
        return "; ".join(seen)
