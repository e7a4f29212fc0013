"""What somebody is told to use the servers: environment, env file, lines to copy; no password on a screen."""

from __future__ import annotations

import stat
import subprocess

import pytest

from pytest_arbredis.cli.up import text_of
from pytest_arbredis.errors import UsageError
from pytest_arbredis.gameday.briefing import env_text, for_eyes, snippets, write_env_file

BRIEFING = {
    "pid": 7,
    "run": "/runs/one",
    "on": {"topology": "sentinel (…)", "launcher": "process (asked for)", "redis": "7.0.15"},
    "servers": {
        "n0": {"role": "primary", "address": ["127.0.0.1", 6379], "direct": ["127.0.0.1", 6380]},
        "s0": {"role": "sentinel", "address": ["127.0.0.1", 26379], "direct": ["127.0.0.1", 26380]},
    },
    "sentinels": ["s0"],
    "master_name": "arbredis",
    "env": {
        "REDIS_URL": "redis://:secret@127.0.0.1:6379/0",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": "6379",
        "REDIS_PASSWORD": "secret",
    },
}


def test_a_briefing_tells_addresses_and_lines_to_copy_but_no_password():
    text = text_of(for_eyes(BRIEFING), detached=True)
    for part in ("127.0.0.1:6379  (127.0.0.1:6380)", "redis-cli -h 127.0.0.1 -p 6379", "arbredis inject", "/runs/one"):
        assert part in text
    assert "secret" not in text
    assert "Ctrl-C" not in text
    assert "Ctrl-C" in text_of(BRIEFING, detached=False)
    assert snippets(BRIEFING)["Sentinel"] == 'redis.sentinel.Sentinel([("127.0.0.1", 26379)]).master_for("arbredis")'


def test_an_env_file_is_for_this_user_alone_and_gives_a_shell_the_very_values(tmp_path):
    values = {"PLAIN": "redis://:p%40@127.0.0.1:1/0", "ODD": 'a b"c$d`e\\f', "EMPTY": ""}
    write_env_file(tmp_path / "env", values)
    assert stat.S_IMODE((tmp_path / "env").stat().st_mode) == 0o600
    assert "PLAIN=redis://:p%40@127.0.0.1:1/0\n" in env_text(values)
    for name, value in values.items():
        script = f'. ./env; printf %s "${name}"'
        done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == value


def test_an_env_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        write_env_file(tmp_path, {})
