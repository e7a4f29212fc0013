"""One game day a folder: claimed, found from below, and what a dead owner left is noticed and removed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.gameday.whereabouts import Whereabouts, claim, find, is_up


def whereabouts(place) -> Whereabouts:
    return Whereabouts(place=str(place), pid=7, socket="socket", run="/runs/one", began="2026-01-01")


def test_it_is_found_in_its_folder_and_below_while_it_is_up(tmp_path):
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    with claim(tmp_path) as claimed:
        with pytest.raises(UsageError, match="just starting, or ending"):
            find(tmp_path)
        claimed.announce(whereabouts(tmp_path))
        assert find(tmp_path) == find(below) == whereabouts(tmp_path)
        assert is_up(tmp_path)
        assert not is_up(below)
        with pytest.raises(UsageError, match=r"a game day is up in .*\n  remedy: .*arbredis down"), claim(tmp_path):
            pass
        assert find(tmp_path) == whereabouts(tmp_path)
    assert not is_up(tmp_path)
    assert [path.name for path in (tmp_path / ".arbredis").iterdir()] == [".gitignore"]
    for place in (tmp_path, below):
        with pytest.raises(UsageError, match=r"no game day is up in .*\n  remedy: .*arbredis up"):
            find(place)


def test_nothing_is_made_where_nobody_is_up(tmp_path):
    with pytest.raises(UsageError):
        find(tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_a_killed_owner_left_is_told_once_and_removed(tmp_path):
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from pytest_arbredis.gameday.whereabouts import *\n"
        "with claim(Path(sys.argv[1])) as claimed:\n"
        "    claimed.announce(Whereabouts(place='.', pid=os.getpid(), socket='s', run='/runs/one', began='at noon'))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, timeout=30)
    assert (tmp_path / ".arbredis" / "up.json").exists()
    with pytest.raises(UsageError, match=r"begun at noon, was killed; .* /runs/one/history.jsonl"):
        find(tmp_path)
    with pytest.raises(UsageError, match="no game day is up in") as again:
        find(tmp_path)
    assert "was killed" not in str(again.value)


def test_a_file_that_nobody_can_read_is_no_game_day(tmp_path):
    (tmp_path / ".arbredis").mkdir()
    (tmp_path / ".arbredis" / "up.json").write_text("{")
    with pytest.raises(UsageError, match="no game day is up"):
        find(tmp_path)
    with claim(tmp_path) as claimed:
        claimed.announce(whereabouts(tmp_path))
        assert find(tmp_path).pid == 7
