"""`arbredis cleanup`: sessions that nobody saved for long; shown, and deleted if that is wanted."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pytest_arbredis.state.retention.cleanup import CleanupReport, Listing, Wish


class Format(enum.StrEnum):
    """How the report is printed."""

    TABLE = "table"
    JSON = "json"


def cleanup(  # noqa: PLR0917 - a command's options
    url: Annotated[str, typer.Argument(metavar="URL", help="As in redis://localhost:6380/0.")],
    older_than: Annotated[str, typer.Option(metavar="AGE", help="Since the last save, as in 24h or 7d.")],
    env: Annotated[
        str | None, typer.Option(help="Only this environment; live only where it is named (all others).")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="ID", help="Only this session.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Delete them; without it they are only listed.")] = False,  # noqa: FBT002 - a flag
    format: Annotated[Format, typer.Option(help="For people, or for machines.")] = Format.TABLE,
) -> None:
    """Delete sessions that were last saved so long ago, by the server's clock. A dry run unless --yes is given.

    The password is read from REDIS_PASSWORD. Exit status 4: Redis did not answer.
    """
    from pytest_arbredis.cli.durations import seconds_of
    from pytest_arbredis.cli.state_url import state_at
    from pytest_arbredis.report.terminal import console_for
    from pytest_arbredis.state.retention.cleaner import Cleaner
    from pytest_arbredis.state.retention.cleanup import Wish

    older_than_s = seconds_of(older_than)
    with state_at(url) as redis:
        wish = Wish(older_than_s=older_than_s, env=env, session_id=session, delete=yes)
        report = Cleaner(redis).cleanup(wish)
    if format is Format.JSON:
        typer.echo(_json(report, wish))
    else:
        console = console_for()
        for line in told(report, wish):
            console.print(line, soft_wrap=True, markup=False)


def told(report: CleanupReport, wish: Wish) -> list[str]:
    """The report for people."""
    from pytest_arbredis.cli.durations import text_of

    lines: list[str] = []
    listings = (
        {"deleted": report.deleted, "saved meanwhile, kept": report.spared}
        if wish.delete
        else {"would be deleted": report.old}
    )
    for what, listing in {**listings, "does not say when it was saved, kept": report.ageless}.items():
        for each in listing.first:
            age = "" if each.age_s is None else f", last saved {text_of(each.age_s)} ago"
            lines.append(f"{what}: {each.env} {each.session_id}{age}")
        if listing.count > len(listing.first):
            lines.append(f"{what}: {listing.count - len(listing.first)} more")
    counts = f"{report.old.count} old, {report.kept.count} younger, {report.ageless.count} without an age"
    done = f"{report.deleted.count} deleted" if wish.delete else "nothing was deleted: this is a dry run without --yes"
    return [*lines, f"sessions of {', '.join(wish.envs)}: {counts}; {done}"]


def content_of(report: CleanupReport, wish: Wish) -> dict[str, Any]:
    """The report as a JSON object."""
    return {
        "version": 1,
        "older_than_s": wish.older_than_s,
        "environments": list(wish.envs),
        "dry_run": not wish.delete,
        **{
            name: _listed(listing)
            for name, listing in (
                ("old", report.old),
                ("deleted", report.deleted),
                ("spared", report.spared),
                ("ageless", report.ageless),
            )
        },
        "younger": report.kept.count,
    }


def _listed(listing: Listing) -> dict[str, Any]:
    from dataclasses import asdict

    return {"count": listing.count, "first": [asdict(session) for session in listing.first]}


def _json(report: CleanupReport, wish: Wish) -> str:
    from pytest_arbredis.report.wording import json_bytes

    return json_bytes(content_of(report, wish), indent=True).decode()
