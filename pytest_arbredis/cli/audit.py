"""`arbredis audit`: what a Redis holds, and every key that is not as the keyspace wants it. Reads only."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

    from pytest_arbredis.state.audit.report import AuditReport

EXIT_FOUND = 1


class Format(enum.StrEnum):
    """How the report is printed."""

    TABLE = "table"
    JSON = "json"


def audit(
    url: Annotated[str, typer.Argument(metavar="URL", help="As in redis://localhost:6380/0.")],
    format: Annotated[Format, typer.Option(help="For people, or for machines.")] = Format.TABLE,
    share: Annotated[
        float, typer.Option(min=0.01, max=1.0, help="Of the time, at most, that a step of it is under way.")
    ] = 0.5,
    shown: Annotated[int, typer.Option(min=0, help="Keys that are named; all are counted.")] = 100,
) -> None:
    """Report memory, hits, evictions and keys by pattern, and every key that breaks a rule. Nothing is changed.

    The password is read from REDIS_PASSWORD. Exit status 1: a rule is broken; 4: Redis did not answer.
    """
    from rich.progress import Progress

    from pytest_arbredis.cli.aside import aside
    from pytest_arbredis.cli.state_url import state_at
    from pytest_arbredis.report.terminal import console_for
    from pytest_arbredis.state.audit.auditor import Auditor

    console = aside()
    with state_at(url) as redis, Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("looking at keys", total=None)
        found = Auditor(redis, share=share, shown=shown).audit(
            progress=lambda keys, of: progress.update(task, completed=keys, total=max(keys, of))
        )
    if format is Format.JSON:
        typer.echo(_json(found))
    else:
        output = console_for()
        for part in told(found):
            output.print(part, soft_wrap=True)
    raise typer.Exit(0 if found.clean else EXIT_FOUND)


def content_of(report: AuditReport) -> dict[str, Any]:
    """The report as a JSON object."""
    from dataclasses import asdict

    return {
        "version": 1,
        "clean": report.clean,
        "server": {**asdict(report.server), "hit_rate": report.server.hit_rate},
        "keys": report.keys,
        "bytes": report.bytes,
        "average_bytes": report.average_bytes,
        "patterns": [{**asdict(each), "average_bytes": each.average_bytes} for each in report.patterns],
        "broken": report.by_rule,
        "state_may_be_evicted": report.state_may_be_evicted,
        "breaches": [asdict(breach) for breach in report.breaches],
        "breaches_not_shown": report.broken - len(report.breaches),
        "took_s": round(report.took_s, 3),
    }


def told(report: AuditReport) -> list[RenderableType]:
    """The report for people."""
    from rich.table import Table
    from rich.text import Text

    server = report.server
    limit = f"of {server.max_memory_bytes:,}" if server.max_memory_bytes else "without a limit"
    rate = "-" if server.hit_rate is None else f"{server.hit_rate:.1%}"
    parts: list[RenderableType] = [
        Text(f"Redis {server.version}, {server.keys:,} keys, {server.policy}"),
        Text(f"memory {server.memory_bytes:,} bytes {limit}, {server.peak_memory_bytes:,} at its peak"),
        Text(f"hit rate {rate} · evicted {server.evicted_keys:,} · expired {server.expired_keys:,} since it started"),
        Text(""),
    ]
    table = Table("pattern", box=None, pad_edge=False)
    for title in ("keys", "bytes", "average"):
        table.add_column(title, justify="right")
    for each in report.patterns:
        table.add_row(Text(each.grammar), f"{each.keys:,}", f"{each.bytes:,}", f"{each.average_bytes:,.0f}")
    parts += [table, Text("")]
    if report.state_may_be_evicted:
        parts.append(Text(f"state may be evicted: {server.policy} takes keys that never expire"))
    parts += [Text(f"{breach.rule}: {breach.key!r}: {breach.why}") for breach in report.breaches]
    if report.broken > len(report.breaches):
        parts.append(Text(f"and {report.broken - len(report.breaches):,} more"))
    broken = ", ".join(f"{count:,} of {rule}" for rule, count in report.by_rule.items())
    summary = f"rules broken: {broken}" if broken else "no key breaks a rule"
    parts.append(Text(f"{summary}; {report.keys:,} keys in {report.took_s:.1f} s"))
    return parts


def _json(report: AuditReport) -> str:
    from pytest_arbredis.report.wording import json_bytes

    return json_bytes(content_of(report), indent=True).decode()
