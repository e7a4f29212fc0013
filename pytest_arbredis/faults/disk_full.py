"""Disk full: the server cannot save its snapshot, and therefore refuses writes with -MISCONF."""

from __future__ import annotations

import errno
import functools
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.faults.configuration import changed
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.primaries import require_primaries
from pytest_arbredis.faults.refusal import refusal
from pytest_arbredis.servers.mounts import mount_tmpfs, mounted_under, unmount

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_arbredis.topology.node import Node

DISK, DISK_BYTES = "full-disk", 64 * 1024
CHUNK = bytes(4096)
SAVED_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskFull:
    """The target saves to a small disk of ours (a tmpfs), full to the last byte; its next snapshot fails.

    `dir` is moved there, and there is a save point: without one Redis does not care. The append-only file stays where
    it is. Sentinels are refused as well (Redis answers a PING with MISCONF), hold that for no sign of life, and
    promote a replica after `down-after-milliseconds`.
    Healed by moving back, saving once with success, and unmounting. If the harness dies its supervisor unmounts it.
    """

    name: ClassVar[str] = "disk_full"
    nature: ClassVar[Nature] = Nature(
        client_sees="writes are refused with MISCONF, reads go on; with Sentinels another primary",
        seen_by="a write through the proxy is refused with MISCONF, INFO says that the last snapshot failed, and the "
        "disk of its `dir` has no byte left",
        example='faults.disk_full("primary")',
        needs=("tmpfs",),
        probe_counts=True,
    )

    def inject(self, site: Site) -> Undo:
        """Fill a disk for each target, and let it fail to save there; a replica is refused: it serves no writes."""
        require_primaries(site, "disk full", because="takes no writes")
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                disk = node.server.spec.directory / DISK
                undos.append(functools.partial(_take_away, disk))
                _make_full(disk)
                undos.append(_saves_again(node))
                undos.append(changed(node, {"stop-writes-on-bgsave-error": "yes", "save": "3600 1", "dir": str(disk)}))
                _require_unsaved(node)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """A write through each target's proxy is refused with MISCONF, and the disk that it saves to is full."""
        seen = []
        for node in site.nodes:
            word = refusal(node)
            failed = _persistence(node).get("rdb_last_bgsave_status") == "err"
            folder = cast("dict[str, str]", node.client.config_get("dir"))["dir"]
            left = _bytes_left(folder)
            if word != "MISCONF" or not failed or left:
                return ""
            seen.append(f"{node.name}: refuses a write with MISCONF, snapshot failed, {left} bytes left on its disk")
        return "; ".join(seen)


def _make_full(disk: Path) -> None:
    disk.mkdir(exist_ok=True)
    try:
        mount_tmpfs(str(disk), size_bytes=DISK_BYTES)
        with (disk / "filler").open("wb", buffering=0) as file:
            while file.write(CHUNK):
                pass
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise HarnessError(
                f"a small disk could not be mounted on {disk}: {error}",
                remedy="allow it (root), or leave this fault out",
            ) from error


def _require_unsaved(node: Node) -> None:
    if _saved(node):
        raise HarnessError(f"{node.name} could save on a full disk", remedy="see its log")


def _take_away(disk: Path) -> None:
    if not disk.exists():
        return
    if str(disk) in mounted_under(str(disk.parent)):
        unmount(str(disk))
    disk.rmdir()


def _saves_again(node: Node) -> Undo:
    """What makes the last snapshot a success again; a file that was not there before is removed."""
    path = node.server.spec.directory / cast("dict[str, str]", node.client.config_get("dbfilename"))["dbfilename"]
    existed = path.exists()

    def undo() -> None:
        if _persistence(node).get("rdb_last_bgsave_status") != "ok" and not _saved(node):
            raise HarnessError(f"{node.name} still cannot save in {path.parent}", remedy="see its log")
        if not existed:
            path.unlink(missing_ok=True)

    return undo


def _saved(node: Node) -> bool:
    """Whether a snapshot that it makes now succeeds."""
    import redis

    def begun() -> bool:
        try:
            return bool(node.client.bgsave(schedule=False))
        except redis.ResponseError:  # another one, for a replica, is under way
            return False

    wait_until(begun, within_s=SAVED_WITHIN_S, what=f"{node.name} to begin a snapshot")
    wait_until(
        lambda: not int(_persistence(node)["rdb_bgsave_in_progress"]),
        within_s=SAVED_WITHIN_S,
        what=f"the snapshot of {node.name} to end",
    )
    return _persistence(node)["rdb_last_bgsave_status"] == "ok"


def _persistence(node: Node) -> dict[str, str]:
    return cast("dict[str, str]", node.client.info("persistence"))


def _bytes_left(folder: str) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
