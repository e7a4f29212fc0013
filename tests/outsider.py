"""The project as an outsider has it: built, installed in an environment of its own, run in a folder of one's own."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from pytest_arbredis.servers.toxiproxy import user_cache

ROOT = Path(__file__).parent.parent
CACHE = str(user_cache().parent)


def build(what: str, source: Path, into: Path) -> Path:
    """The `wheel` or `sdist` of a source folder."""
    command = [sys.executable, "-m", "build", f"--{what}", "--no-isolation", "--outdir", str(into), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = into.iterdir()
    return built


def install(built: Path, folder: Path, *, without: tuple[str, ...] = ()) -> Path:
    """The interpreter of a fresh environment with the wheel or sdist, our dependencies beside it, and no checkout.

    Entries of site-packages that begin as one of `without` are left out, as those of extras nobody asked for.
    """
    venv.create(folder, with_pip=False, symlinks=True)
    interpreter = folder / "bin" / "python"
    library = folder / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    ours = ("pytest_arbredis", "pytest-arbredis", "_pytest_arbredis", "__editable__.pytest_arbredis", *without)
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        known = entry.name.startswith((*ours, "__pycache__")) or entry.suffix == ".pth"
        if not known and not (library / entry.name).exists():
            (library / entry.name).symlink_to(entry)
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "--no-deps", "--no-index"]
    command = [*pip, "--no-build-isolation", str(built)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return interpreter


def run(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter in a folder, without settings of ours in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ARBREDIS_", "PYTEST_"))}
    environment |= {"XDG_CACHE_HOME": CACHE}
    return subprocess.run(
        [str(python), *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
