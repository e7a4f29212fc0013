"""`arbredis status`: who is what, what is on the links, which faults are in force, what happened last."""

from __future__ import annotations

from typing import Annotated, Any

import typer

ANSWERS_WITHIN_S = 30.0
"""A server that is paused is asked for as long as a client waits for it."""


def status(
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Show the servers of `arbredis up`: roles, links, faults in force, the last events."""
    from pathlib import Path

    import orjson

    from pytest_arbredis.gameday.channel import ask
    from pytest_arbredis.gameday.whereabouts import find

    found = find(Path.cwd())
    answer = ask(Path(found.socket), {"do": "status"}, within_s=ANSWERS_WITHIN_S)
    typer.echo(orjson.dumps(answer).decode() if json else text_of(answer))


def text_of(status: dict[str, Any]) -> str:
    """A status for people."""
    on = status["on"]
    lines = [f"up for {status['up_s']:.0f} s: {on['topology']}", f"on: launcher {on['launcher']}; pid {status['pid']}"]
    lines += ["", "servers:", *(f"  {_server(server)}" for server in status["servers"])]
    lines += [f"  not whole: {status['missing']}" if status["missing"] else "  the topology is whole"]
    if status["poisoned"]:
        lines.append(f"  spoilt: {status['poisoned']}")
    lines += ["", "faults in force:", *(f"  {_fault(fault)}" for fault in status["faults"])]
    if not status["faults"]:
        lines.append(f"  none (injected so far: {status['injected']})")
    if status["events"]:
        lines += ["", "last events, in seconds since it is up:"]
        lines += [f"  {event['at_s']:8.1f}  {_event(event)}" for event in status["events"]]
    return "\n".join([*lines, "", f"recorded in {status['run']}"])


def _server(server: dict[str, Any]) -> str:
    address = f"{server['address'][0]}:{server['address'][1]}"
    if not server["running"]:
        state = f"ended (exit status {server['exit_status']})"
    else:
        state = f"{server['role'] or 'does not answer'}{': ' if server['says'] else ''}{server['says']}"
    link = f"; link: {server['link']}" if server["link"] else ""
    return f"{server['name']}  {address}  {state}{link}"


def _fault(fault: dict[str, Any]) -> str:
    params = "".join(f" {name}={value}" for name, value in fault["params"].items() if value is not None)
    left = "" if fault["heals_in_s"] is None else f", heals in {fault['heals_in_s']:.1f} s"
    seen = f"seen by a probe: {fault['evidence']}" if fault["evidence"] else "NOT OBSERVED"
    trouble = f"; {fault['trouble']}" if fault["trouble"] else ""
    what = f"{fault['fault']} {fault['target']}{params} ({', '.join(fault['nodes'])})"
    return f"#{fault['id']} {what} for {fault['for_s']:.1f} s{left}; {seen}{trouble}"


def _event(event: dict[str, Any]) -> str:
    said = event["event"]
    return said if said.startswith(f"{event['source']}:") else f"{said} ({event['source']})"
