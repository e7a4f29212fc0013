"""Files that somebody wrote for other machines: read as Redis reads them, without what was of that machine only."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.servers.conf_file import acl_users, directives, sentinel_directives, split


@pytest.fixture
def written(tmp_path):
    """Writes a file and gives its path."""

    def write(text):
        path = tmp_path / "given.conf"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("900 1", ["900", "1"]),
        ('"two words" three', ["two words", "three"]),
        (r'"a \"b\" \x41\n"', ['a "b" A\n']),
        (r"'it\'s' \n", ["it's", r"\n"]),
        ('""', [""]),
        ("", []),
    ],
)
def test_a_line_is_split_as_redis_splits_it(line, words):
    assert split(line, where="here") == words


@pytest.mark.parametrize("line", ['"open', "'open", '"a"b'])
def test_quotes_that_do_not_close_are_refused_with_file_and_line(written, line):
    with pytest.raises(UsageError, match=r"given\.conf:2: quotes"):
        directives(written(f"# a comment\nlogfile-x {line}\n"))


def test_directives_are_read_but_for_those_of_that_machine(written):
    text = "\n# c\nPORT 6379\nbind * -::*\ndir /var/lib\nreplicaof 10.0.0.1 6379\nmasterauth x\ncluster-enabled no\n"
    text += 'Maxmemory-Policy "allkeys-lru"\nsave 900 1\nsave 300 10\nnotify-keyspace-events ""\n'
    assert directives(written(text)) == (
        ("maxmemory-policy", "allkeys-lru"),
        ("save", "900 1"),
        ("save", "300 10"),
        ("notify-keyspace-events", ""),
    )


def test_a_sentinels_settings_are_those_of_the_first_primary_that_it_watches(written):
    text = "port 26379\nloglevel verbose\nsentinel myid abc\nsentinel monitor a 10.0.0.1 6379 2\n"
    text += "sentinel monitor b 10.0.0.2 6379 1\nsentinel down-after-milliseconds a 700\n"
    text += "sentinel down-after-milliseconds b 900\nsentinel resolve-hostnames yes\nsentinel known-replica a x 1\n"
    assert dict(sentinel_directives(written(text))) == {
        "loglevel": "verbose",
        "quorum": "2",
        "down-after-milliseconds": "700",
        "resolve-hostnames": "yes",
    }


def test_the_lines_of_an_acl_file_are_its_users(written):
    assert acl_users(written("# c\n\nuser a on nopass\n  user b off  \n")) == ("user a on nopass", "user b off")


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match=r"the redis\.conf .*nowhere cannot be read"):
        directives(tmp_path / "nowhere")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        directives(tmp_path / "binary")
