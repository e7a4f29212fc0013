"""`arbredis down`: the end of a game day: healed, recorded, reported, and nothing left of its servers."""

from __future__ import annotations

import typer

ENDS_WITHIN_S = 90.0


def down() -> None:
    """End what `arbredis up` started; returns when nothing of it is left."""
    from pathlib import Path

    from pytest_arbredis._clock import wait_until
    from pytest_arbredis.gameday.channel import ask
    from pytest_arbredis.gameday.whereabouts import find, is_up
    from pytest_arbredis.servers.owners import process_start

    found = find(Path.cwd())
    began = process_start(found.pid)
    ask(Path(found.socket), {"do": "down"}, within_s=ENDS_WITHIN_S)
    wait_until(
        lambda: not is_up(Path(found.place)) and (began is None or process_start(found.pid) != began),
        within_s=ENDS_WITHIN_S,
        every_s=0.02,
        what=f"the end of pid {found.pid}",
        remedy=f"kill -9 {found.pid}: its servers end with it",
    )
    run = Path(found.run)
    report = next((run / name for name in ("report.html", "report.txt") if (run / name).exists()), run)
    typer.echo(f"{_summary(run)}healed, ended, and recorded: {report}")


def _summary(run: object) -> str:
    import orjson

    try:
        return f"{orjson.loads((run / 'result.json').read_bytes())['summary']}\n"  # type: ignore[operator]
    except (OSError, ValueError, KeyError):
        return ""
