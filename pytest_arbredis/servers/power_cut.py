"""A server's files after a loss of power: only what was synced is left of them, under the names that were."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.servers.sync_ledger import FOLDER, folders, inode, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.servers.launcher import ServerSpec


def cut_power(spec: ServerSpec) -> None:
    """Take away what the server of this specification, which must have ended, had not synced.

    A file is cut to its synced size; a name that was made since its directory was synced is gone, and one that was
    removed or taken since is back with the file that it had. A directory stays if it or its parent was ever synced. The
    log, which is the harness's, stays as it is.
    """
    synced = read(spec.directory)
    gone = spec.directory / FOLDER / "gone"
    for _, entry in _files(spec):
        with contextlib.suppress(FileExistsError):
            os.link(entry.path, gone / inode(entry.stat(follow_symlinks=False)))
    for folder, entries in list(folders(spec.directory)):
        names = synced.names.get(folder, {})
        for entry in entries:
            if _is_data(spec, entry) and names.get(entry.name) != inode(entry.stat(follow_symlinks=False)):
                Path(entry.path).unlink()
        for name, file in names.items():
            _bring_back(folder / name, gone / file)
        if folder not in synced.names and folder.name not in synced.names.get(folder.parent, {}):
            shutil.rmtree(folder)
    for _, entry in _files(spec):
        found = entry.stat(follow_symlinks=False)
        size = synced.sizes.get(inode(found), 0)
        if found.st_size > size:
            os.truncate(entry.path, size)


def unsynced(spec: ServerSpec) -> list[str]:
    """What of its files is there now and was never synced, for people; nothing after a loss of power."""
    synced = read(spec.directory)
    found = []
    for folder, entry in _files(spec):
        now = entry.stat(follow_symlinks=False)
        beyond = now.st_size - synced.sizes.get(inode(now), 0)
        if synced.names.get(folder, {}).get(entry.name) != inode(now):
            found.append(f"{entry.name} (its name)")
        elif beyond > 0:
            found.append(f"{entry.name} ({beyond} bytes)")
    return found


def bytes_written(spec: ServerSpec) -> int:
    """How many bytes its files hold now; those of a file that vanishes meanwhile do not count."""
    total = 0
    for _, entry in _files(spec):
        with contextlib.suppress(FileNotFoundError):
            total += entry.stat(follow_symlinks=False).st_size
    return total


def _files(spec: ServerSpec) -> Iterator[tuple[Path, os.DirEntry[str]]]:
    for folder, entries in folders(spec.directory):
        for entry in entries:
            if _is_data(spec, entry):
                yield folder, entry


def _is_data(spec: ServerSpec, entry: os.DirEntry[str]) -> bool:
    return entry.is_file(follow_symlinks=False) and entry.name != f"{spec.name}.log"


def _bring_back(path: Path, kept: Path) -> None:
    if path.exists():
        return
    try:
        os.link(kept, path)
    except FileNotFoundError as error:
        raise HarnessError(
            f"a loss of power would bring back {path}, which was not kept", remedy="see who removed it"
        ) from error
