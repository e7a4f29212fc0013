"""How many deployments this machine carries at a time, over all workers and runs of this user.

A place is a lock on a file, which falls with its process. Nobody ever waits for one, so nobody waits for ever: the
first deployment of a pool goes without a place if there is none, and a pool without a place for its second ends its
first instead. So `pytest -n 4` on two cores has four deployments alive, and not eight.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from pathlib import Path

from pytest_arbredis.errors import HarnessError

PER_CORE = 2


class Places:
    """Places for deployments: `count` lock files in a folder."""

    def __init__(self, *, folder: Path | None = None, count: int | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir()) / f"arbredis-places-{os.getuid()}"
        self.count = PER_CORE * (os.cpu_count() or 1) if count is None else count

    def take(self) -> Place | None:
        """A free place, without waiting; None if there is none."""
        with contextlib.suppress(FileExistsError):
            self._folder.mkdir(mode=0o700, parents=True)
        if self._folder.is_symlink() or not self._folder.is_dir() or self._folder.stat().st_uid != os.getuid():
            raise HarnessError(f"{self._folder} is not a folder of ours", remedy="remove it, or set TMPDIR")
        for number in range(self.count):
            descriptor = os.open(self._folder / f"{number}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(descriptor)
                continue
            return Place(descriptor)
        return None


class Place:
    """A place that is ours until `release()`, or until this process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give it back. Idempotent."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
