"""The owner of a detached game day: a process of its own in a session of its own, which tells us when it is up."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import orjson
import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.gameday.briefing import Briefing

GIVES_UP_WITHIN_S = 30.0


def start_owner(arguments: Sequence[str], *, env: Mapping[str, str]) -> Briefing:
    """Run `arbredis up` with these arguments beside us, and with more environment; gives its briefing when it is up.

    If it ends before, this ends as it did, with what it said. Ctrl-C ends it too.
    """
    reading, writing = os.pipe()
    with tempfile.TemporaryFile() as said, os.fdopen(reading, "rb") as ready:
        try:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "pytest_arbredis.cli", "up", *arguments, f"--ready-fd={writing}"],
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=(writing,),
                start_new_session=True,
            )
        finally:
            os.close(writing)
        try:
            told = ready.read()  # until it is up, or has ended
            if told:
                return dict(orjson.loads(told))
            status = process.wait()
        except BaseException:
            process.terminate()
            process.wait(GIVES_UP_WITHIN_S)
            raise
        said.seek(0)
        typer.echo(said.read().decode(errors="replace"), err=True, nl=False)
        raise typer.Exit(status if status > 0 else 4)
