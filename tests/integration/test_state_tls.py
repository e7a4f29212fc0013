"""The state layer over TLS, with a password: the same promises, and connections that are used again."""

from __future__ import annotations

import asyncio
import time

import pytest

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.connections.aio import AsyncStateRedis
from pytest_arbredis.state.connections.context import redis_context
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.urls import settings_of_env, settings_of_url
from pytest_arbredis.state.errors import DeadlineExceededError, UnavailableError

pytestmark = pytest.mark.arbredis(topology="single", tls=True, password="hunter2", launcher="process")  # noqa: S106 - a test's


def one(*args):
    return (yield Command(*args))


def test_settings_come_from_the_url_too(redis_env):
    assert settings_of_url(redis_env["REDIS_URL"]).tls


def test_a_connection_is_used_again_although_tickets_lie_in_it(redis_env):
    """TLS 1.3 sends them after the handshake: they make the socket readable, and are no reply."""
    with StateRedis(settings_of_env(redis_env)) as state, redis_context(state) as client:
        first = client.client_id()
        for _ in range(5):
            assert state.run(one("SET", "k", b"x" * 100_000)) == b"OK"
            assert len(state.run(one("GET", "k"))) == 100_000
        assert client.client_id() == first

    async def run():
        async with AsyncStateRedis(settings_of_env(redis_env)) as state:
            first = await state.run(one("CLIENT", "ID"))
            async with redis_context(state) as client:
                second = await client.client_id()
                assert second != first, "a connection in a state of its own is not given to the next"
                for _ in range(5):
                    assert len(await client.get("k")) == 100_000
                assert await client.client_id() == second

    asyncio.run(run())


def test_a_stall_ends_at_the_deadline(redis_env, faults):
    with StateRedis(settings_of_env(redis_env)) as state:
        state.run(one("SET", "k", "v"))
        with faults.stall("primary"):
            began = time.monotonic()
            with pytest.raises(DeadlineExceededError) as raised:
                state.run(one("GET", "k"), within_s=0.3)
            assert 0.28 <= time.monotonic() - began < 0.5
            assert raised.value.applied == "unknown"
            began = time.monotonic()
            with pytest.raises(UnavailableError) as again:
                state.run(one("GET", "k"), within_s=0.3)
            assert time.monotonic() - began < 0.5, "the handshake of TLS is within the deadline too"
            assert again.value.applied == "no"
        assert state.run(one("GET", "k"), within_s=2) == b"v"


def test_a_certificate_of_a_stranger_is_refused(redis_env):
    settings = settings_of_env({name: value for name, value in redis_env.items() if name != "REDIS_CA_FILE"})
    with (
        StateRedis(settings_of_url(redis_env["REDIS_URL"].partition("?")[0])) as state,
        pytest.raises(UnavailableError, match="certificate") as raised,
    ):
        state.run(one("PING"))
    assert "hunter2" not in f"{raised.value!r} {settings!r}"
