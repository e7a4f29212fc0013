"""The URL of servers that somebody else started: what it may say, and what never stands in an error."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.server_url import parse_control, parse_url
from pytest_arbredis.topology.tuning import _same


@pytest.mark.parametrize(
    ("url", "addresses", "shown"),
    [
        ("redis://db", (("db", 6379),), "redis://db:6379"),
        ("redis://127.0.0.1:7000/0", (("127.0.0.1", 7000),), "redis://127.0.0.1:7000"),
        ("redis://[::1]:7000", (("::1", 7000),), "redis://[::1]:7000"),
        ("redis://me:s%40cret@db", (("db", 6379),), "redis://me:***@db:6379"),
        ("redis+sentinel://a,b:7/main", (("a", 26379), ("b", 7)), "redis+sentinel://a:26379,b:7/main"),
        ("redis+sentinel://:pw@a", (("a", 26379),), "redis+sentinel://:***@a:26379"),
    ],
)
def test_a_url_is_read_and_shown_without_its_password(url, addresses, shown):
    found = parse_url(url)
    assert found.addresses == addresses
    assert str(found) == shown
    assert "cret" not in repr(found)


def test_data_nodes_and_sentinels_have_logins_of_their_own(tmp_path):
    ca = tmp_path / "ca.crt"
    ca.touch()
    found = parse_url(f"rediss+sentinel://me:one%20two@a/main?sentinel_password=other&ssl_ca_certs={ca}")
    assert (found.login.user, found.login.password, found.login.ca) == ("me", "one two", ca)
    assert (found.sentinel_login.user, found.sentinel_login.password, found.sentinel_login.ca) == (None, "other", ca)
    assert found.master_name == "main"


@pytest.mark.parametrize(
    ("url", "cause"),
    [
        ("127.0.0.1:6379", r"the scheme '\(none\)'"),
        ("http://:hush@db", "the scheme 'http'"),
        ("redis://:hush@", "names 0 hosts"),
        ("redis://:hush@a,b", "names 2 hosts"),
        ("redis://:hush@db/3", "names the database '3'"),
        ("redis://:hush@db:port", "'db:port' is no address"),
        ("redis://:hush@db?db=1", "has the option 'db'"),
        ("rediss://:hush@db?ssl_ca_certs=/no/ca", "no file of certificate authorities '/no/ca'"),
    ],
)
def test_a_wrong_url_is_refused_without_its_password(url, cause):
    with pytest.raises(UsageError, match=cause) as refused:
        Means(url=url)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize("text", ["http://127.0.0.1:8474", "127.0.0.1:8474", "http://127.0.0.1/", "127.0.0.1"])
def test_a_control_is_an_address(text):
    assert parse_control(text) == ("127.0.0.1", 8474)


@pytest.mark.parametrize("text", ["", "https://127.0.0.1:8474", "http://127.0.0.1:8474/proxies", "host:port"])
def test_a_wrong_control_is_refused(text):
    with pytest.raises(UsageError, match="no address"):
        Means(url="redis://db", control=text)


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"launcher": "external"}, "needs to know the servers"),
        ({"launcher": "process", "url": "redis://db"}, "starts servers, and a URL of others was given"),
        ({"control": "http://db"}, "without the URL"),
        ({"allow_destructive": True}, "without the URL"),
    ],
)
def test_what_does_not_fit_together_is_refused(given, cause):
    with pytest.raises(UsageError, match=cause):
        Means(**given)


def test_means_never_show_the_url():
    assert "hush" not in repr(Means(url="redis://:hush@db"))


@pytest.mark.parametrize(("now", "value"), [("67108864", "64mb"), ("YES", "yes"), ("1000", "1k"), ("0", "0")])
def test_a_directive_in_other_words_is_the_same(now, value):
    assert _same(now, value)


@pytest.mark.parametrize(("now", "value"), [("67108864", "64m"), ("no", "yes"), ("", "yes"), ("1", "gb")])
def test_another_value_is_another(now, value):
    assert not _same(now, value)
