"""A command that is stopped says what was undone and what was not, and exits with 130 or 143."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_arbredis.cli.main import TerminatedError, app, status_of
from pytest_arbredis.cli.stopped import HEALED, LEAVES, leaves
from pytest_arbredis.gameday import channel, whereabouts
from pytest_arbredis.topology import deploy, pool

ASKING = {
    "inject": ["inject", "crash primary"],
    "heal": ["heal", "3"],
    "status": ["status", "--json"],
    "down": ["down"],
}


@pytest.fixture(params=[(KeyboardInterrupt, 130, "interrupted"), (TerminatedError, 143, "terminated")], ids=str)
def stop(request, monkeypatch, tmp_path):
    """Whatever starts servers, or asks a game day for something, is stopped while it waits."""
    raised, status, word = request.param

    def stopped(*_, **__):
        raise raised

    found = SimpleNamespace(socket="socket", pid=1, place=".", run="run")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(whereabouts, "find", lambda _: found)
    monkeypatch.setattr(channel, "ask", stopped)
    monkeypatch.setattr(deploy, "deploy_with", stopped)
    monkeypatch.setattr(pool, "deploy_with", stopped)
    return status, word


@pytest.mark.parametrize("command", ASKING)
def test_what_was_asked_of_a_game_day_may_happen_all_the_same(stop, capsys, command):
    status, word = stop
    assert status_of(ASKING[command]) == status
    told = capsys.readouterr()
    assert told.err == f"arbredis: {word}: {LEAVES[command]}\n"
    assert HEALED not in told.err
    assert not told.out


@pytest.mark.parametrize(
    ("arguments", "left"),
    [
        (["exec", "--topology", "single", "--launcher", "process", "--", "true"], LEAVES["exec"]),
        (["up", "--topology", "single", "--launcher", "process"], HEALED),
        (["drill", "oom", "--launcher", "process"], HEALED),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_servers_of_its_own_have_ended(stop, capsys, arguments, left):
    status, word = stop
    assert status_of(arguments) == status
    assert capsys.readouterr().err.endswith(f"arbredis: {word}: {left}\n")


def test_every_command_that_is_named_exists_and_others_leave_nothing():
    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set(LEAVES) <= known
    assert leaves(["--help"]) == leaves([]) == leaves(["init", "x"]) == "nothing of it goes on"
