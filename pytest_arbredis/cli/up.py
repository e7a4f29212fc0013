"""`arbredis up`: a topology that stays up, to be used by anything and broken from another terminal."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_arbredis.gameday.briefing import Briefing
    from pytest_arbredis.report.result import RunResult
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.spec import Topology


def up(  # noqa: PLR0917 - a command's options
    topology: Annotated[str, typer.Option(help="single, replicated, sentinel or dual.")] = "sentinel",
    replicas: Annotated[int | None, typer.Option(help="How many replicas.")] = None,
    sentinels: Annotated[int | None, typer.Option(help="How many Sentinels.")] = None,
    timing: Annotated[str | None, typer.Option(help="fast or production.")] = None,
    conf: Annotated[Path | None, typer.Option(help="Directives of a redis.conf of yours.")] = None,
    power: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--power", help="Note what is synced, for power_loss and slow_disk.")
    ] = False,
    launcher: Annotated[
        str, typer.Option(envvar="ARBREDIS_LAUNCHER", help="auto, docker, process, external.")
    ] = "auto",
    url: Annotated[
        str | None, typer.Option(envvar="ARBREDIS_URL", help="Servers that stand: redis://…, redis+sentinel://…/name.")
    ] = None,
    control: Annotated[str | None, typer.Option(envvar="ARBREDIS_CONTROL", help="URL of their Toxiproxy.")] = None,
    allow_destructive: Annotated[  # noqa: FBT002 - a flag
        bool,
        typer.Option("--allow-destructive", envvar="ARBREDIS_ALLOW_DESTRUCTIVE", help="Their data may be lost."),
    ] = False,
    port: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=N", help="A fixed port, such as primary=6379; repeatable.")
    ] = None,
    redis_bin: Annotated[str | None, typer.Option(envvar="ARBREDIS_REDIS_BIN", help="redis-server to run.")] = None,
    redis_image: Annotated[str | None, typer.Option(envvar="ARBREDIS_REDIS_IMAGE", help="Image of Redis.")] = None,
    toxiproxy_image: Annotated[
        str | None, typer.Option(envvar="ARBREDIS_TOXIPROXY_IMAGE", help="Image of Toxiproxy.")
    ] = None,
    runs_dir: Annotated[
        Path | None, typer.Option(envvar="ARBREDIS_RUNS_DIR", help="Folder of the runs (.arbredis/runs).")
    ] = None,
    env_file: Annotated[Path | None, typer.Option(help="Write the environment variables there.")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Return when it is up; `arbredis down` ends it.")] = False,  # noqa: FBT002 - a flag
    json: Annotated[bool, typer.Option("--json", help="Print addresses and environment as JSON.")] = False,  # noqa: FBT002 - a flag
    ready_fd: Annotated[int | None, typer.Option(hidden=True)] = None,
) -> None:
    """Start servers and keep them up, to be broken from another terminal: inject, status, heal, down."""
    from pytest_arbredis.topology import spec
    from pytest_arbredis.topology.fixed_ports import parse_ports
    from pytest_arbredis.topology.means import Means

    given = {"replicas": replicas, "sentinels": sentinels, "timing": timing, "conf": conf, "power": power or None}
    settings = {name: value for name, value in given.items() if value is not None}
    wanted = spec.named(topology, **settings)
    means = Means(
        launcher=launcher,  # type: ignore[arg-type]  # checked by Means, with the known names
        redis_bin=redis_bin,
        redis_image=redis_image,
        toxiproxy_image=toxiproxy_image,
        ports=parse_ports(port or (), flag="--port"),
        url=url,
        control=control,
        allow_destructive=allow_destructive,
    )
    if env_file is not None and not env_file.absolute().parent.is_dir():
        raise UsageError(f"--env-file {env_file}: there is no such folder", remedy="give a path in a folder of yours")
    if not detach:
        _hold(wanted, means, runs_dir=runs_dir, teller=_teller(ready_fd, env_file=env_file, json=json))
        return
    from pytest_arbredis.cli.detached import start_owner

    means_given = {
        "launcher": launcher,
        "control": control,
        "redis-bin": redis_bin,
        "redis-image": redis_image,
        "toxiproxy-image": toxiproxy_image,
        "runs-dir": runs_dir,
    }
    options = {"topology": topology, **settings, "power": None, **means_given}
    arguments = [f"--{name}={value}" for name, value in options.items() if value is not None]
    arguments += [f"--port={text}" for text in port or ()]
    arguments += ["--allow-destructive"] if allow_destructive else []
    arguments += ["--power"] if power else []
    secret = {} if url is None else {"ARBREDIS_URL": url}  # it may hold a password, which no list of processes shows
    _tell(start_owner(arguments, env=secret), env_file=env_file, json=json, detached=True)


def _hold(wanted: Topology, means: Means, *, runs_dir: Path | None, teller: _Teller) -> None:
    from pytest_arbredis.gameday.owner import Watch, hold
    from pytest_arbredis.topology.deploy import deploy

    with contextlib.suppress(ValueError):  # not in the main thread
        if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # a terminal that is closed heals and saves as well
            signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
    here = Path.cwd()
    watch = Watch(standing=teller.standing, ended=teller.ended)
    hold(lambda: deploy(wanted, means), place=here, runs_dir=runs_dir or here / ".arbredis" / "runs", watch=watch)


class _Teller:
    """Tells the terminal when it is up, and what is on record when it is over."""

    def __init__(self, *, env_file: Path | None, json: bool) -> None:
        self._env_file = env_file
        self._json = json

    def standing(self, briefing: Briefing) -> None:
        """Print what one needs to use it."""
        _tell(briefing, env_file=self._env_file, json=self._json, detached=False)

    def ended(self, result: RunResult) -> None:
        """Print what was recorded."""
        from pytest_arbredis.report.text import explanation

        if self._json:
            _print_json({"state": "ended", "run": str(result.folder)})
            return
        typer.echo(f"\n{explanation(result)}")


class _Deputy(_Teller):
    """Tells whoever waits at the other end of a pipe that it is up; what it says later goes to a log of the run."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(env_file=None, json=False)
        self._descriptor = descriptor

    def standing(self, briefing: Briefing) -> None:
        import orjson

        log = os.open(f"{briefing['run']}/logs/owner.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.close(log)
        with os.fdopen(self._descriptor, "wb") as waiting:
            waiting.write(orjson.dumps(briefing))


def _teller(ready_fd: int | None, *, env_file: Path | None, json: bool) -> _Teller:
    return _Teller(env_file=env_file, json=json) if ready_fd is None else _Deputy(ready_fd)


def _tell(briefing: Briefing, *, env_file: Path | None, json: bool, detached: bool) -> None:
    from pytest_arbredis.gameday.briefing import for_eyes, write_env_file

    if env_file is not None:
        write_env_file(env_file, briefing["env"])
    briefing = for_eyes(briefing)
    if json:
        _print_json({"state": "up", **briefing})
        return
    typer.echo(text_of(briefing, detached=detached))
    if env_file is not None:
        typer.echo(f"environment written to {env_file}")


def _print_json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value).decode())


def text_of(briefing: Briefing, *, detached: bool) -> str:
    """What is printed when it is up."""
    from pytest_arbredis.gameday.briefing import snippets

    on = briefing["on"]
    lines = [f"up: {on['topology']}", f"on: launcher {on['launcher']}; redis {on['redis']}; pid {briefing['pid']}"]
    section: Callable[[str], str] = "\n{}".format
    lines.append(section("servers, through the proxy (and directly, past it):"))
    for name, at in briefing["servers"].items():
        lines.append(
            f"  {name}  {at['address'][0]}:{at['address'][1]}  ({at['direct'][0]}:{at['direct'][1]})  {at['role']}"
        )
    lines.append(section("environment:"))
    lines += [f"  {name}={value}" for name, value in briefing["env"].items()]
    lines.append(section("to copy:"))
    lines += [f"  {what}: {line}" for what, line in snippets(briefing).items()]
    lines.append(section("break it, in this folder, from any terminal:"))
    lines += ["  arbredis inject 'crash primary' --for 10s", "  arbredis status", "  arbredis heal", "  arbredis down"]
    end = "`arbredis down` ends it" if detached else "Ctrl-C or `arbredis down` ends it"
    lines.append(f"\nrecorded in {briefing['run']}; {end}")
    return "\n".join(lines)
