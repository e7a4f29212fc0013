"""The guide types commands that exist and faults that are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from pytest_arbredis.cli.main import app
from pytest_arbredis.gameday.grammar import duration_s, parse

GUIDE = (Path(__file__).parents[3] / "docs" / "game-day.md").read_text("utf-8")
COMMANDS = [shlex.split(line, comments=True) for line in re.findall(r"^arbredis .*", GUIDE, re.MULTILINE)]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_of_the_guide_is_understood(words):
    known = {command.name or command.callback.__name__: command.callback for command in app.registered_commands}
    assert words[1] in known
    if words[1] == "inject":
        rest = words[2:]
        if "--for" in rest:
            assert duration_s(rest[rest.index("--for") + 1]) > 0
            rest = rest[: rest.index("--for")]
        assert parse(" ".join(rest))


def test_options_of_up_in_the_guide_exist():
    import typer

    (up,) = [one for one in typer.main.get_command(app).commands.values() if one.name == "up"]
    flags = {flag for parameter in up.params for flag in parameter.opts}
    told = set(re.findall(r"`(--[a-z-]+)", GUIDE.partition("## up")[2].partition("## inject")[0]))
    assert len(told) > 8
    assert told <= flags
