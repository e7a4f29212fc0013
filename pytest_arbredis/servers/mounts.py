"""Small file systems in memory, mounted for a while: by a fault, and undone by the supervisor if nobody else does.

Standard library only, and little of it: the supervisor loads this file too.
"""

from __future__ import annotations

import ctypes
import os

MNT_DETACH = 2
MOUNTS = "/proc/self/mounts"


def mount_tmpfs(path: str, *, size_bytes: int) -> None:
    """Mount an empty file system of this size there, for this user only. Raises `OSError`."""
    _checked(_libc().mount(b"tmpfs", os.fsencode(path), b"tmpfs", 0, b"mode=700,size=%d" % size_bytes), path)


def unmount(path: str) -> None:
    """Take it away at once, though files in it may be open: they go when they are closed. Raises `OSError`."""
    _checked(_libc().umount2(os.fsencode(path), MNT_DETACH), path)


def mounted_under(path: str) -> list[str]:
    """Where file systems are mounted in this directory, the innermost first; nothing where the kernel does not tell."""
    try:
        with open(MOUNTS, "rb") as mounts:  # noqa: PTH123 - pathlib costs the supervisor 8 ms
            found = [os.fsdecode(_unescaped(line.split()[1])) for line in mounts]
    except OSError:
        return []
    return sorted((place for place in found if place.startswith(path.rstrip("/") + "/")), key=len, reverse=True)


def _unescaped(field: bytes) -> bytes:
    """Blanks, tabs, line ends and backslashes are octal there."""
    for code in (b"040", b"011", b"012", b"134"):
        field = field.replace(b"\\" + code, bytes([int(code, 8)]))
    return field


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(answer: int, path: str) -> None:
    if answer != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
