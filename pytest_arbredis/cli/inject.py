"""`arbredis inject` and `arbredis heal`: faults on the servers of `arbredis up`, from another terminal."""

from __future__ import annotations

from typing import Annotated, Any

import typer

EXIT_UNOBSERVED = 3
ACTS_WITHIN_S = 120.0
"""Filling a memory, or removing a toxic from a link that is stalled, takes its time."""


def inject(
    fault: Annotated[
        list[str], typer.Argument(metavar="FAULT [TARGET] [field=value]…", help="'latency primary ms=200'")
    ],
    lasting: Annotated[str | None, typer.Option("--for", metavar="TIME", help="Heal after 500ms, 10s, 2m.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Break the servers of `arbredis up`; returns when the fault is in force, with the evidence."""
    from pathlib import Path

    from pytest_arbredis.gameday.channel import ask
    from pytest_arbredis.gameday.grammar import duration_s, parse
    from pytest_arbredis.gameday.whereabouts import find

    for_s = None if lasting is None else duration_s(lasting)
    what = " ".join(fault)
    parse(what)
    found = find(Path.cwd())
    request = {"do": "inject", "what": what, "for_s": for_s}
    answer = ask(Path(found.socket), request, within_s=ACTS_WITHIN_S)
    injected = answer["fault"]
    if json:
        _print_json(injected)
    elif injected["evidence"] is not None:
        typer.echo(_in_force(injected))
    if injected["evidence"] is None:
        typer.echo(_unobserved(injected, looked_s=answer["looked_s"]), err=True)
        raise typer.Exit(EXIT_UNOBSERVED)


def heal(
    which: Annotated[str, typer.Argument(metavar="[ID|all]", help="The number that inject printed, or all.")] = "all",
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Undo a fault, or all; returns when it is undone, and after the last one when the topology is whole."""
    from pathlib import Path

    from pytest_arbredis._clock import wait_until
    from pytest_arbredis.errors import UsageError
    from pytest_arbredis.gameday.channel import ask
    from pytest_arbredis.gameday.whereabouts import find

    if which != "all" and not which.lstrip("#").isdecimal():
        raise UsageError(f"heal {which!r}", remedy="give the number that inject printed, or all")
    found = find(Path.cwd())
    number = None if which == "all" else int(which.lstrip("#"))
    socket = Path(found.socket)
    answer = ask(socket, {"do": "heal", "id": number}, within_s=ACTS_WITHIN_S)
    if not json:
        typer.echo("\n".join(_healed(one) for one in answer["healed"]) or "nothing was in force")
    if not answer["left"]:
        wait_until(
            lambda: not ask(socket, {"do": "whole"}, within_s=ACTS_WITHIN_S)["missing"],
            within_s=answer["settles_within_s"],
            every_s=0.1,
            what="a whole topology",
            remedy="see `arbredis status`",
        )
    if json:
        _print_json(answer)
    else:
        typer.echo(f"still in force: {answer['left']}" if answer["left"] else "the topology is whole")


def _in_force(injected: dict[str, Any]) -> str:
    at = f"{injected['fault']} on {', '.join(injected['nodes'])}"
    if injected["momentary"]:
        return f"#{injected['id']} {at} has happened; seen by a probe: {injected['evidence']}"
    left = injected["heals_in_s"]
    until = "until you heal it" if left is None else f"for {left:.1f} s more"
    return f"#{injected['id']} {at} is in force {until}; seen by a probe: {injected['evidence']}"


def _unobserved(injected: dict[str, Any], *, looked_s: float) -> str:
    over = "it heals by itself" if injected["heals_in_s"] is not None else f"undo it: arbredis heal {injected['id']}"
    return (
        f"arbredis: inconclusive: #{injected['id']} {injected['fault']} on {', '.join(injected['nodes'])} was injected,"
        f" but no probe saw its effect within {looked_s:g} s\n  remedy: {over}"
    )


def _healed(one: dict[str, Any]) -> str:
    return f"#{one['id']} {one['fault']} on {', '.join(one['nodes'])} is healed, after {one['for_s']:.1f} s"


def _print_json(value: object) -> None:
    import orjson

    typer.echo(orjson.dumps(value).decode())
