"""Ports that nobody else takes: slots below the ephemeral range, locked between processes, checked before use."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pytest_arbredis.errors import HarnessError, PortTakenError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

UNIT = 16
"""Ports per lock file: slots of any size lock the units that they touch, so sizes may be mixed."""
STRIDE = 37
"""Neighbouring pids (the workers of one xdist run) start their search this many slots apart."""
LINUX: bool = sys.platform == "linux"
LISTEN = "0A"
"""State of a listening socket in /proc/net/tcp."""


class PortSlot:
    """Consecutive ports that are ours until `release()`, or until this process ends."""

    def __init__(self, first: int, size: int, locks: tuple[int, ...]) -> None:
        self.first = first
        self.size = size
        self._locks = locks
        self._next = first

    def take(self) -> int:
        """The next port of the slot that nobody listens on."""
        while self._next < self.first + self.size:
            port = self._next
            self._next += 1
            if is_free(port):
                return port
        last = self.first + self.size - 1
        raise HarnessError(
            f"all {self.size} ports of the slot {self.first}-{last} are handed out",
            remedy="claim a larger slot, or one slot a deployment",
        )

    def release(self) -> None:
        """Give the slot back. Idempotent."""
        locks, self._locks = self._locks, ()
        for lock in locks:
            os.close(lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def claim(size: int = 32, first: int = 20000, last: int = 31999) -> PortSlot:
    """A slot of `size` consecutive free ports within `first`-`last`.

    Raises `PortTakenError`, naming an example, when every slot is claimed or has a port in use.
    """
    slots = (last - first + 1) // size if size > 0 else 0
    if slots < 1 or first < 1024 or last > 32767:  # unprivileged, and below the ephemeral range
        raise UsageError(
            f"no slot of {size} ports fits into {first}-{last}",
            remedy="use a positive size and a range within 1024-32767",
        )
    folder = _lock_folder()
    begin = os.getpid() * STRIDE
    obstacle = ""
    for index in range(slots):
        start = first + (begin + index) % slots * size
        locks = _lock(folder, start, size)
        if locks is None:
            obstacle = f"ports {start}-{start + size - 1} are claimed by another run (lock files in {folder})"
            continue
        taken = next((port for port in range(start, start + size) if not is_free(port)), None)
        if taken is None:
            return PortSlot(start, size, locks)
        for lock in locks:
            os.close(lock)
        obstacle = f"port {taken} is used by {who_listens(taken) or 'an unknown process'}"
    raise PortTakenError(
        f"none of the {slots} slots of {size} ports in {first}-{last} is free; for example {obstacle}",
        remedy="end the process that listens there, or the other runs",
    )


def is_free(port: int) -> bool:
    """Nobody listens on this port of the loopback; connections in TIME_WAIT do not count."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES}:
                return False
            raise
    if LINUX:
        return True
    # Elsewhere SO_REUSEADDR lets us bind beside a listener on 0.0.0.0: ask whether somebody accepts.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED


def who_listens(port: int) -> str | None:
    """`pid 1234 (redis-server 127.0.0.1:20000)` for the listener on this port; None where it is not known."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for inode, uid in _listeners(port):
            pid = _owner_of(f"socket:[{inode}]")
            if pid is None:
                return f"a process of uid {uid} that is not visible from here"
            return f"pid {pid} ({_command_line(pid)})"
    return None


def _lock_folder() -> Path:
    """The folder of the lock files, shared by all users; one of our own where the shared one is spoilt."""
    shared = Path(tempfile.gettempdir()) / "arbredis-ports"
    own = shared.with_name(f"arbredis-ports-{os.getuid()}")
    for folder, mode in ((shared, 0o1777), (own, 0o700)):
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
            folder.chmod(mode)  # mkdir's mode is subject to the umask
        if folder.is_dir() and not folder.is_symlink() and os.access(folder, os.W_OK | os.X_OK):
            return folder
    raise HarnessError(
        f"neither {shared} nor {own} is a folder that we may write to",
        remedy="remove them, or set TMPDIR to a folder of your own",
    )


def _lock(folder: Path, start: int, size: int) -> tuple[int, ...] | None:
    """Locked descriptors of all units that the slot touches, or None if one of them is somebody else's."""
    locks: list[int] = []
    for unit in range(start // UNIT, (start + size - 1) // UNIT + 1):
        lock = _lock_unit(folder / f"{unit * UNIT}.lock")
        if lock is None:
            for held in locks:
                os.close(held)
            return None
        locks.append(lock)
    return tuple(locks)


def _lock_unit(path: Path) -> int | None:
    """A descriptor with the lock, which falls with its process. The file stays: removing it would be a race."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        # Without O_CREAT first: with it, Linux refuses another user's file in a sticky folder (fs.protected_regular).
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        try:
            descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o644)
            os.fchmod(descriptor, 0o644)
        except FileExistsError:
            return _lock_unit(path)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _listeners(port: int) -> Iterator[tuple[str, str]]:
    """(inode, uid) of each listening socket on this port."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTEN and int(columns[1].rpartition(":")[2], 16) == port:
                    yield columns[9], columns[7]


def _owner_of(link: str) -> int | None:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            for descriptor in list((process / "fd").iterdir()):
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) == link:
                        return int(process.name)
    return None


def _command_line(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return words[:100] or Path(f"/proc/{pid}/comm").read_text().strip()
