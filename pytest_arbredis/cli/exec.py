"""`arbredis exec -- ./bot`: a program beside servers of its own, with their addresses in its environment."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import ExitStack, contextmanager
from pathlib import Path  # noqa: TC003 - typer resolves it at run time
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_arbredis.servers.program import KeptProgram

FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def exec_(  # noqa: PLR0917 - a command's options
    command: Annotated[list[str], typer.Argument(metavar="COMMAND…", help="The program and its arguments.")],
    topology: Annotated[str, typer.Option(help="single, replicated, sentinel or dual.")] = "sentinel",
    replicas: Annotated[int | None, typer.Option(help="How many replicas.")] = None,
    sentinels: Annotated[int | None, typer.Option(help="How many Sentinels.")] = None,
    timing: Annotated[str | None, typer.Option(help="fast or production.")] = None,
    conf: Annotated[Path | None, typer.Option(help="Directives of a redis.conf of yours.")] = None,
    follow_primary: Annotated[  # noqa: FBT002 - a flag
        bool, typer.Option("--follow-primary", help="REDIS_URL leads to whoever is primary.")
    ] = False,
    launcher: Annotated[str, typer.Option(envvar="ARBREDIS_LAUNCHER", help="auto, docker or process.")] = "auto",
    port: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=N", help="A fixed port, such as primary=6379; repeatable.")
    ] = None,
    redis_bin: Annotated[str | None, typer.Option(envvar="ARBREDIS_REDIS_BIN", help="redis-server to run.")] = None,
    redis_image: Annotated[str | None, typer.Option(envvar="ARBREDIS_REDIS_IMAGE", help="Image of Redis.")] = None,
    toxiproxy_image: Annotated[
        str | None, typer.Option(envvar="ARBREDIS_TOXIPROXY_IMAGE", help="Image of Toxiproxy.")
    ] = None,
) -> None:
    """Start servers, run a program with their addresses in its environment, and exit with its status.

    REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_SENTINELS and REDIS_SENTINEL_MASTER are set, for the other Redis of a dual
    topology REDIS_SECOND_URL, REDIS_SECOND_HOST and REDIS_SECOND_PORT. Ctrl-C and SIGTERM reach the
    program; when it has ended the servers do.
    """
    from pytest_arbredis.topology import spec
    from pytest_arbredis.topology.deploy import deploy
    from pytest_arbredis.topology.environment import redis_environment
    from pytest_arbredis.topology.fixed_ports import parse_ports
    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.primary_link import PrimaryLink

    given = {"replicas": replicas, "sentinels": sentinels, "timing": timing, "conf": conf}
    wanted = spec.named(topology, **{name: value for name, value in given.items() if value is not None})
    means = Means(
        launcher=launcher,  # type: ignore[arg-type]  # checked by Means, with the known names
        redis_bin=redis_bin,
        redis_image=redis_image,
        toxiproxy_image=toxiproxy_image,
        ports=parse_ports(port or (), flag="--port"),
    )
    with ExitStack() as undo:
        deployment = undo.enter_context(deploy(wanted, means))
        address = deployment.primary().proxied
        if follow_primary:
            address = undo.enter_context(PrimaryLink(deployment)).address
        sentinel_addresses = [node.proxied for node in deployment.sentinels]
        second = None if deployment.second is None else deployment.second.proxied
        env = redis_environment(address, sentinel_addresses, deployment.master_name, deployment.login, second=second)
        status = run_program(command, env)
    raise typer.Exit(status if status >= 0 else 128 - status)


def run_program(command: Sequence[str], env: dict[str, str]) -> int:
    """The status of a program that ran with our input, output and terminal; negative for a signal that ended it."""
    from pytest_arbredis.servers.program import KeptProgram

    # At a terminal it must stay in our process group, or it could not read from it; Ctrl-C then reaches it by itself.
    at_terminal = sys.stdin.isatty()
    program = KeptProgram(command, env={**os.environ, **env}, own_session=not at_terminal)
    with program, _forwarding(program, but_ctrl_c=at_terminal):
        while (status := program.wait(60)) is None:
            continue
    return status


@contextmanager
def _forwarding(program: KeptProgram, *, but_ctrl_c: bool) -> Iterator[None]:
    """While entered, our signals go to the program, and do not end us."""

    def forward(number: int, _: object) -> None:
        if not (but_ctrl_c and number == signal.SIGINT):
            program.signal(number)

    before = {number: signal.signal(number, forward) for number in FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
