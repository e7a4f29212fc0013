"""A line of MONITOR, and what of it may be kept."""

from __future__ import annotations

import pytest

from pytest_arbredis.topology.monitor_line import LONGEST_WORD, MOST_WORDS, parsed, recordable


def words(line):
    seen = parsed(line)
    assert seen is not None
    return seen.words


def test_a_command_is_read_with_its_client():
    seen = parsed(b'+1339518083.107412 [0 127.0.0.1:60866] "set" "k" "v"')
    assert (seen.client, seen.words) == ("127.0.0.1:60866", ("SET", "k", "v"))


@pytest.mark.parametrize(
    ("escaped", "value"),
    [
        (rb"a\"b", 'a"b'),
        (rb"a\\b", r"a\b"),
        (rb"\n\x01", "\n\x01"),
        (rb"\xff", "\\xff"),
        (rb"\xc3\xa4", "ä"),
        (b"", ""),
    ],
)
def test_escapes_are_undone(escaped, value):
    assert words(b'+1.5 [0 a:1] "echo" "' + escaped + b'"') == ("ECHO", value)


def test_commands_of_scripts_and_of_unix_sockets_are_read():
    assert parsed(b'+1.5 [0 lua] "set" "k" "v"').client == "lua"
    assert parsed(b'+1.5 [3 unix:/tmp/[x.sock] "get" "k"').client == "unix:/tmp/[x.sock"


@pytest.mark.parametrize("line", [b"+OK", b"", b"-ERR no", b"+1.5 [0 a:1]"])
def test_what_is_no_command_is_none(line):
    assert parsed(line) is None


def test_clients_name_themselves():
    assert parsed(b'+1.5 [0 a:1] "CLIENT" "SETNAME" "bot"').names_itself == "bot"
    assert parsed(b'+1.5 [0 a:1] "HELLO" "3" "SETNAME" "bot"').names_itself == "bot"
    assert parsed(b'+1.5 [0 a:1] "CLIENT" "GETNAME"').names_itself is None


@pytest.mark.parametrize(
    "command",
    [
        ("AUTH", "secret"),
        ("AUTH", "user", "secret"),
        ("HELLO", "3", "AUTH", "user", "secret", "SETNAME", "bot"),
        ("CONFIG", "SET", "requirepass", "secret"),
        ("config", "set", "masterauth", "secret"),
        ("ACL", "SETUSER", "bot", "on", ">secret"),
        ("MIGRATE", "h", "1", "k", "0", "5", "AUTH", "secret"),
        ("SENTINEL", "SET", "name", "auth-pass", "secret"),
    ],
)
def test_passwords_are_not_kept(command):
    assert "secret" not in " ".join(recordable((command[0].upper(), *command[1:])))


def test_what_is_kept_is_bounded():
    kept = recordable(("MSET", *["x" * 1000] * 100))
    assert len(kept) == MOST_WORDS + 1
    assert max(map(len, kept)) == LONGEST_WORD
    assert recordable(("CONFIG", "SET", "maxmemory", "1mb")) == ("CONFIG", "SET", "maxmemory", "1mb")
