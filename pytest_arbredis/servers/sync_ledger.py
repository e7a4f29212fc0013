"""What a server has synced, as a preloaded library notes it: what a loss of power leaves of its files.

fsync(2) promises that what a file held when it was called is on the disk when it returns, and that a directory's names
are when the directory was synced. Here nothing else is: it is the least that Linux promises, and a real disk may have
kept more (a journalling file system writes earlier names with any later sync; pages are written after some 30 s).
`sync_ledger.c` says how it is noted. A server only appends to its files: a size says what of one is synced.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER: Final = ".ledger"
"""In a server's directory, so that a container sees it too."""
LIBRARY: Final = "sync_ledger.so"
DELAY_BYTES: Final = 8


@dataclass(slots=True, kw_only=True)
class Synced:
    """What is on the disk for certain. A file is called `device:inode`.

    `sizes`: so many bytes of a file; `names`: those of a directory, by its path; `loads`: how often the library was
    loaded.
    """

    sizes: dict[str, int] = field(default_factory=dict)
    names: dict[Path, dict[str, str]] = field(default_factory=dict)
    loads: int = 0


def prepare(directory: Path, library: Path) -> tuple[tuple[str, str], ...]:
    """Make room for a ledger in a server's directory; gives the environment in which the server keeps it."""
    folder = directory / FOLDER
    (folder / "gone").mkdir(parents=True)
    (folder / "delay").write_bytes(bytes(DELAY_BYTES))
    shutil.copyfile(library, folder / LIBRARY)
    return (("LD_PRELOAD", str(folder / LIBRARY)), ("ARBREDIS_LEDGER", str(folder)))


def is_kept(directory: Path) -> bool:
    """Whether the server of this directory has loaded the library."""
    return read(directory).loads > 0


def set_delay(directory: Path, *, us: int) -> None:
    """Let every sync of the server take so much longer from now on, those under way too."""
    with (directory / FOLDER / "delay").open("r+b", buffering=0) as control:
        control.write(us.to_bytes(DELAY_BYTES, "little"))


def age(directory: Path) -> None:
    """Take everything that is there for synced, as it is where a server has run for longer than a minute."""
    ledger = directory / FOLDER / "ledger"
    if not ledger.exists():
        return
    gone = [*(directory / FOLDER / "gone").iterdir()]
    lines, named = [], set()
    for folder, entries in folders(directory):
        lines.append(f"D {folder}")
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                lines.append(f"E {inode(found)} {entry.name}")
                named.add(inode(found))
        lines.append(".")
        lines += [f"F {key} {size}" for key, size in _sizes(entries)]
    with ledger.open("ab", buffering=0) as file:
        file.write("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
    for path in gone:
        if path.name not in named:
            path.unlink(missing_ok=True)


def _sizes(entries: list[os.DirEntry[str]]) -> Iterator[tuple[str, int]]:
    for entry in entries:
        with contextlib.suppress(FileNotFoundError):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(found.st_mode):
                yield inode(found), found.st_size


def folders(directory: Path) -> Iterator[tuple[Path, list[os.DirEntry[str]]]]:
    """Every directory of a server by its real path, with its entries, the inner ones last; not the ledger's own."""
    real = directory.resolve()
    with os.scandir(real) as found:
        entries = [entry for entry in found if entry.name != FOLDER]
    yield real, entries
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from folders(Path(entry.path))


def inode(found: os.stat_result) -> str:
    """What the ledger calls a file."""
    return f"{found.st_dev}:{found.st_ino}"


def read(directory: Path) -> Synced:
    """What the ledger of a server says. A record that a kill cut short does not count."""
    try:
        text = (directory / FOLDER / "ledger").read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return Synced()
    return parse(text)


def parse(text: str) -> Synced:
    """The same, of the text of a ledger."""
    synced = Synced()
    names: dict[str, str] = {}
    folder = Path()
    for line in text[: text.rfind("\n") + 1].split("\n"):
        kind, _, rest = line.partition(" ")
        if kind == "B":
            synced.loads += 1
        elif kind in {"F", "T"}:
            file, _, size = rest.partition(" ")
            known = synced.sizes.get(file, 0)
            synced.sizes[file] = int(size) if kind == "F" else min(known, int(size))
        elif kind == "D":
            folder, names = Path(rest), {}
        elif kind == "E":
            file, _, name = rest.partition(" ")
            names[name] = file
        elif kind == ".":
            synced.names[folder] = names
    return synced
