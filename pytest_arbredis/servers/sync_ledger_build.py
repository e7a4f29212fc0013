"""The library that keeps the ledger: compiled once per user, with the C compiler that is here."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import MissingBinaryError
from pytest_arbredis.servers.sync_ledger import LIBRARY
from pytest_arbredis.servers.toxiproxy import user_cache

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE: Final = Path(__file__).with_name("sync_ledger.c")
COMPILERS: Final = ("cc", "gcc", "clang")
FLAGS: Final = ("-shared", "-fPIC", "-O2", "-nostdlib", "-fno-stack-protector")
COMPILES_WITHIN_S: Final = 60.0
REMEDY: Final = "run `arbredis doctor --fix` (or `make drill`)"
COMPILER_REMEDY: Final = "apt-get install gcc libc6-dev, then run `arbredis doctor --fix`"


def cached_library() -> Path:
    """Where the library lies that was compiled of this source; it need not exist."""
    return user_cache() / f"sync-ledger-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}" / LIBRARY


def find_library() -> Path:
    """The library. Never compiles. Raises `MissingBinaryError` with the command that gets it."""
    if sys.platform != "linux":
        raise MissingBinaryError(
            f"what a server syncs can be noted on Linux only, and this is {sys.platform}", remedy="use Linux"
        )
    library = cached_library()
    if not library.is_file():
        remedy = REMEDY if compiler() else COMPILER_REMEDY
        raise MissingBinaryError(f"the library that notes what a server syncs is not at {library}", remedy=remedy)
    return library


def compiler() -> str | None:
    """The C compiler: $CC, else the first that is on PATH."""
    names = (os.environ["CC"],) if os.environ.get("CC") else COMPILERS
    return next(filter(None, map(shutil.which, names)), None)


def get_library(report: Callable[[str], None]) -> Path:
    """The library, compiled if it is not there; `report` is told. Raises `MissingBinaryError` with what failed."""
    try:
        return find_library()
    except MissingBinaryError:
        cc = compiler()
        if sys.platform != "linux" or cc is None:
            raise
    target = cached_library()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{LIBRARY}.{os.getpid()}")
    command = [cc, *FLAGS, "-o", str(partial), str(SOURCE)]
    report(f"compiling the library that notes what a server syncs, with {cc}")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", check=False, timeout=COMPILES_WITHIN_S
        )
        if done.returncode != 0:
            last = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise MissingBinaryError(f"{cc} ended with exit status {done.returncode}:\n{last}", remedy=COMPILER_REMEDY)
        partial.replace(target)  # nobody ever sees half a library
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingBinaryError(f"{cc} could not compile {SOURCE}: {error}", remedy=COMPILER_REMEDY) from error
    finally:
        partial.unlink(missing_ok=True)
    return target
