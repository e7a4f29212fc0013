"""Out of memory: `maxmemory` under `noeviction`, really filled, so that Redis refuses writes with -OOM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_arbredis._dials import harness_dials
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.topology.node import harness_client

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.faults.fault import Site, Undo
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

CHUNK_BYTES = 4096
"""Small enough that the connection's own buffers, which count as used memory and shrink later, stay small."""

MARGIN_BYTES = 512 * 1024
"""The limit ends this far below what is used, so that memory given back by buffers makes no room for writes."""

FILLER = "arbredis:filler"
SETTINGS = ("maxmemory", "maxmemory-policy")
MB = 1024 * 1024


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
        if not 1 <= self.headroom_mb <= 512:
            raise UsageError(f"headroom_mb={self.headroom_mb!r}", remedy="use 1 to 512 MB")

    def inject(self, site: Site) -> Undo:
        """Limit the memory of each target and fill it; a replica is filled by its primary only, so it is refused."""
        for node in site.nodes:
            if site.primary and node.name != site.primary:
                raise UsageError(
                    f"out of memory on {node.name}, which is not the primary and takes no writes",
                    remedy="use the target 'primary'",
                )
        healed = [(node, _settings(node)) for node in site.nodes]
        deployment = site.deployment

        def undo() -> None:
            for node, settings in healed:
                _heal(deployment, node, settings)

        try:
            for node in site.nodes:
                self._fill(node)
        except BaseException:
            undo()
            raise
        return undo

    def _fill(self, node: Node) -> None:
        import redis

        node.client.config_set("maxmemory-policy", "noeviction")
        node.client.config_set("maxmemory", _counted(node) + self.headroom_mb * MB)
        filler = b"\x00" * CHUNK_BYTES
        for index in range(4 * self.headroom_mb * MB // CHUNK_BYTES):
            try:
                node.client.set(f"{FILLER}:{index}", filler)
            except redis.ResponseError as error:
                if not str(error).startswith(("OOM", "command not allowed when used memory")):
                    raise
                node.client.config_set("maxmemory", _counted(node) - MARGIN_BYTES)
                return

    def observe(self, site: Site) -> str:
        """A write through each target's proxy is refused with OOM, and INFO says that the memory is used up."""
        seen = []
        for node in site.nodes:
            info = cast("dict[str, int]", node.client.info("memory"))
            limit, used = int(info["maxmemory"]), int(info["used_memory"])
            if not limit or not _refuses(node):
                return ""
            seen.append(f"{node.name}: refuses a write with OOM, {used / MB:.1f} of {limit / MB:.1f} MB used")
        return "; ".join(seen)


def _counted(node: Node) -> int:
    """Bytes that Redis compares with maxmemory: those in use, without the buffers of replicas."""
    info = cast("dict[str, int]", node.client.info("memory"))
    return int(info["used_memory"]) - int(info.get("mem_not_counted_for_evict", 0))


def _refuses(node: Node) -> bool:
    """A probe's write through the proxy is refused for want of memory (and removed again where it was not)."""
    import redis

    client: redis.Redis = harness_client(node.proxied)
    try:
        with harness_dials():
            client.set(f"{FILLER}:probe", b"\x00" * CHUNK_BYTES)
            client.delete(f"{FILLER}:probe")
    except redis.exceptions.OutOfMemoryError:
        return True
    except redis.ResponseError as error:
        return str(error).startswith("OOM")
    except redis.RedisError:
        return False
    finally:
        client.close()
    return False


def _settings(node: Node) -> dict[str, str]:
    return {name: cast("dict[str, str]", node.client.config_get(name))[name] for name in SETTINGS}


def _heal(deployment: Deployment, node: Node, settings: dict[str, str]) -> None:
    """Remove the filler where it can be written now, restore the settings, and write them to the file."""
    for name, value in settings.items():
        node.client.config_set(name, value)
    node.client.config_rewrite()
    writable = deployment.primary()
    for keys in _batches(writable.client):
        writable.client.unlink(*keys)


def _batches(client: redis.Redis) -> list[list[str]]:
    keys = [str(key) for key in client.scan_iter(match=f"{FILLER}:*", count=1000)]
    return [keys[start : start + 500] for start in range(0, len(keys), 500)]
