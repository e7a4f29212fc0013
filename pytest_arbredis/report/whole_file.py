"""Files that are written whole or not at all: a reader never sees half a report."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path


def write_whole(dest: Path, content: bytes) -> None:
    """Replace `dest` by a file with this content, in one step."""
    part = dest.with_name(f".{dest.name}.{uuid4().hex}")
    try:
        part.write_bytes(content)
        part.replace(dest)
    finally:
        part.unlink(missing_ok=True)


def link_whole(link: Path, target: str) -> None:
    """Point the symbolic link at `target`, in one step."""
    part = link.with_name(f".{link.name}.{uuid4().hex}")
    try:
        part.symlink_to(target)
        part.replace(link)
    finally:
        part.unlink(missing_ok=True)
