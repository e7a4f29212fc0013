"""Where the game day of a folder is: `.arbredis/up.json`, and a lock that falls with its owner, however it ends.

There is one game day a folder; a command finds that of its folder, or of the nearest one above.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError, UsageError, WaitTimeoutError
from pytest_arbredis.history.whereabouts import HISTORY, located
from pytest_arbredis.report.folder import HOME
from pytest_arbredis.report.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "up.json"
REMEDY = "start a game day: arbredis up"
CLAIMED_WITHIN_S = 1.0
"""Readers hold the lock for an instant, shared, which keeps a new owner out as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Whereabouts:
    """Of a game day that is up: its folder, its owner's pid, its socket, its run's folder, and when it began (UTC)."""

    place: str
    pid: int
    socket: str
    run: str
    began: str


class Claim:
    """A folder's game day, ours until it is left."""

    def __init__(self, home: Path) -> None:
        self._file = home / FILE

    def announce(self, whereabouts: Whereabouts) -> None:
        """From now on others find it."""
        write_whole(self._file, orjson.dumps(asdict(whereabouts)))

    def withdraw(self) -> None:
        """From now on they do not. Idempotent."""
        self._file.unlink(missing_ok=True)


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[Claim]:
    """The game day of `folder`, for as long as this lasts. A usage error if there is one."""
    home = folder / HOME
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / ".gitignore").exists():
            write_whole(home / ".gitignore", b"*\n")
        lock = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise HarnessError(f"{home} cannot be used: {error}", remedy="go to a folder that is yours") from error
    try:
        wait_until(lambda: _lock(lock, fcntl.LOCK_EX), within_s=CLAIMED_WITHIN_S, what=f"the lock of {home}")
    except WaitTimeoutError as error:
        os.close(lock)
        raise UsageError(
            f"a game day is up in {folder}", remedy="see it by `arbredis status`, end it by `arbredis down`"
        ) from error
    ours = Claim(home)
    try:
        ours.withdraw()  # what a dead owner left
        yield ours
    finally:
        ours.withdraw()
        os.close(lock)


def find(folder: Path) -> Whereabouts:
    """The game day of `folder`, or of the nearest folder above it. A usage error with the remedy if nobody is up.

    What an owner left that was killed is removed, and told.
    """
    for place in (folder, *folder.parents):
        if (place / HOME / FILE).exists():
            return _look(place)
    if is_up(folder):
        raise UsageError(f"the game day of {folder} is just starting, or ending", remedy="try again in a moment")
    raise UsageError(f"no game day is up in {folder}", remedy=REMEDY)


def is_up(folder: Path) -> bool:
    """Whether somebody owns the game day of this very folder, up already or not."""
    with _shared(folder / HOME) as abandoned:
        return not abandoned


def _look(place: Path) -> Whereabouts:
    file = place / HOME / FILE
    with _shared(place / HOME) as abandoned:
        found = _read(file)
        if not abandoned and found is not None:
            return found
        if abandoned:
            file.unlink(missing_ok=True)
    if found is None:
        raise UsageError(f"no game day is up in {place}", remedy=REMEDY)
    raise UsageError(
        f"no game day is up in {place}: that of pid {found.pid}, begun {found.began}, was killed; its servers are gone,"
        f" and its history is kept: {located(Path(found.run) / HISTORY)}",
        remedy=REMEDY,
    )


@contextlib.contextmanager
def _shared(home: Path) -> Iterator[bool]:
    """True while nobody owns what is in there, and nobody can come to own it meanwhile."""
    try:
        lock = os.open(home, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        yield True
        return
    try:
        yield _lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)


def _lock(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(file: Path) -> Whereabouts | None:
    try:
        content = orjson.loads(file.read_bytes())
        return Whereabouts(**{item.name: content[item.name] for item in fields(Whereabouts)})
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
        return None
