"""What differs from the start is named, with its values, but for those that are secret."""

from __future__ import annotations

from pytest_arbredis.servers.login import HARNESS_USER, Login, acl_line, harness_login
from pytest_arbredis.topology.fingerprint import Fingerprint

START = Fingerprint(
    configuration={"maxmemory": "0", "requirepass": "old"},
    users=("user default on nopass ~* &* +@all", "user bot on #abc ~* +@all"),
    functions={"kept": "1", "changed": "1"},
    watched={"arbredis": {"quorum": "2"}},
    lines=frozenset({"loglevel notice", "sentinel resolve-hostnames no"}),
)


def test_equal_prints_have_no_differences_whoever_is_connected():
    again = Fingerprint(
        configuration=dict(START.configuration),
        users=START.users,
        functions=START.functions,
        watched=START.watched,
        lines=START.lines,
        foreign=("17",),
    )
    assert again == START
    assert list(START.differences(again)) == []


def test_every_difference_is_named_and_secrets_are_not_told():
    now = Fingerprint(
        configuration={"maxmemory": "77", "requirepass": "new"},
        users=("user default on nopass ~* &* -@all",),
        functions={"kept": "1", "changed": "2", "added": "1"},
        watched={"arbredis": {"quorum": "3"}, "another": {"quorum": "1"}},
        lines=frozenset({"loglevel notice", "sentinel auth-pass arbredis secret"}),
    )
    told = list(START.differences(now))
    assert told == [
        "maxmemory is '77' instead of '0'",
        "requirepass",
        "the ACL of user bot",
        "the ACL of user default",
        "the function library added",
        "the function library changed",
        "SENTINEL MASTERS another: quorum is '1' instead of None",
        "SENTINEL MASTERS arbredis: quorum is '3' instead of '2'",
        "the line 'sentinel auth-pass' of its file",
        "the line 'sentinel resolve-hostnames' of its file",
    ]


def test_the_harness_has_a_password_that_is_nowhere_shown():
    login = harness_login()
    assert login.user == HARNESS_USER
    assert login.password != harness_login().password
    assert login.password not in repr(login) + acl_line(login)
    assert acl_line(login).startswith(f"user {HARNESS_USER} on #")


def test_a_login_is_written_into_a_url_and_into_a_clients_arguments(tmp_path):
    login = Login(password="a b/c@d", ca=tmp_path / "ca.crt")  # noqa: S106 - the test's own
    assert login.url(("127.0.0.1", 1)) == f"rediss://:a%20b%2Fc%40d@127.0.0.1:1/0?ssl_ca_certs={tmp_path}/ca.crt"
    assert Login().url(("127.0.0.1", 1), db=2) == "redis://127.0.0.1:1/2"
    assert login.options()["ssl_ca_certs"] == f"{tmp_path}/ca.crt"
    assert login.plain().options() == {"password": "a b/c@d"}
