"""Where Redis is: from a URL, from the environment; what cannot be is refused, and passwords are not shown."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.connections.urls import settings_of_env, settings_of_url
from pytest_arbredis.state.errors import MisuseError


def test_a_plain_url():
    made = settings_of_url("redis://user:pa%3Ass@redis.example:6380/3")
    assert (made.address, made.db, made.username, made.password) == (("redis.example", 6380), 3, "user", "pa:ss")
    assert not made.tls


def test_a_url_over_tls():
    made = settings_of_url("rediss://:secret@h/0?ssl_ca_certs=/etc/ca.pem")
    assert (made.tls, made.tls_ca_file, made.username, made.password) == (True, "/etc/ca.pem", None, "secret")
    assert made.address == ("h", 6379)


def test_a_url_of_sentinels():
    made = settings_of_url("redis+sentinel://:pw@h1:1,h2:2,[::1]:3/mine/4")
    assert made.sentinels == (("h1", 1), ("h2", 2), ("::1", 3))
    assert (made.master_name, made.db, made.password) == ("mine", 4, "pw")
    assert settings_of_url("redis+sentinel://h1").sentinels == (("h1", 26379),)


@pytest.mark.parametrize(
    "url", ["http://h", "h:6379", "redis://h:x/0", "redis://h/0/1", "redis://h/zero", "redis://h:0"]
)
def test_a_url_that_cannot_be_is_refused(url):
    with pytest.raises((MisuseError, ValueError)):
        settings_of_url(url)


def test_a_refused_url_does_not_show_its_password():
    with pytest.raises(MisuseError) as raised:
        settings_of_url("http://user:hunter2@h:1/")
    assert "hunter2" not in f"{raised.value!r} {raised.value}"


def test_the_environment_by_parts():
    env = {"REDIS_HOST": "h", "REDIS_DB": "2", "REDIS_PASSWORD": "secret", "REDIS_MAX_CONNECTIONS": "7"}
    made = settings_of_env(env, default_port=6380)
    assert (made.address, made.db, made.password, made.max_connections) == (("h", 6380), 2, "secret", 7)


@pytest.mark.parametrize("most", ["0", "501", "many", "-1"])
def test_a_pool_of_no_size_is_refused(most):
    with pytest.raises(MisuseError):
        settings_of_env({"REDIS_MAX_CONNECTIONS": most})


def test_an_empty_environment_is_localhost():
    assert settings_of_env({}) == Settings()


def test_sentinels_come_on_top_of_a_url():
    made = settings_of_env(
        {"REDIS_URL": "redis://h:1/2", "REDIS_SENTINELS": "a:1, b:2", "REDIS_SENTINEL_MASTER": "mine"}
    )
    assert (made.sentinels, made.master_name, made.db) == ((("a", 1), ("b", 2)), "mine", 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_connections": 0},
        {"max_connections": 501},
        {"max_connections": True},
        {"db": -1},
        {"idle_check_s": 0},
        {"connect_timeout_s": float("inf")},
        {"address": ("", 1)},
        {"sentinels": (("h", 70000),)},
        {"client_name": "two words"},
        {"_without": frozenset({"everything"})},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_that_cannot_stand_are_refused(wrong):
    with pytest.raises(MisuseError):
        Settings(**wrong)


def test_passwords_are_not_shown():
    assert "secret" not in repr(Settings(password="secret", sentinel_password="secret"))  # noqa: S106 - a test's
