"""Where `arbredis metrics` looks if it is given no URL."""

from __future__ import annotations

import pytest

from pytest_arbredis.cli.metrics import _url_of_environment
from pytest_arbredis.state.connections.urls import settings_of_url


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "redis://localhost:6379/0"),
        ({"REDIS_HOST": "h", "REDIS_PORT": "6380", "REDIS_DB": "3"}, "redis://h:6380/3"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379/0"),
        ({"REDIS_USERNAME": "a b@c"}, "redis://a%20b%40c@localhost:6379/0"),
        ({"REDIS_CA_FILE": "/etc/my ca.pem"}, "rediss://localhost:6379/0?ssl_ca_certs=%2Fetc%2Fmy+ca.pem"),
    ],
)
def test_the_environment_says_where_redis_is(monkeypatch, env, url):
    for name in ("REDIS_HOST", "REDIS_PORT", "REDIS_DB", "REDIS_USERNAME", "REDIS_CA_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REDIS_PASSWORD", "hunter2")
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert _url_of_environment() == url
    made = settings_of_url(url)
    assert made.username == env.get("REDIS_USERNAME")
    assert made.tls_ca_file == env.get("REDIS_CA_FILE")
