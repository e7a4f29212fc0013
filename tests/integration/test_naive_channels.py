"""Channels as written do what the hardened ones do, as long as nothing happens and one environment is alone."""

from __future__ import annotations

import pytest
from small_servers import SERVER, op, session_of, started

from pytest_arbredis._clock import wait_until
from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.scenarios.naive import channels as naive
from pytest_arbredis.subjects.state.messages import environments, messages

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

LIVE, PAPER = "run:channel:0", "run:channel:1"
"""One name in two environments."""


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield Endpoints(primary=("127.0.0.1", port))


def subscribed(session, receives, key, *, nothing=None):
    """A first look at a channel subscribes to it."""
    wait_until(lambda: session.apply(op(receives, key)) == nothing, within_s=5, what="a subscription")


@pytest.mark.parametrize("subject", [messages(), naive.messages()], ids=lambda subject: subject.name)
def test_a_subscriber_receives_what_is_published(endpoints, subject):
    with session_of(subject, endpoints) as session:
        subscribed(session, "receive", LIVE, nothing=[])
        session.apply(op("publish", LIVE, "m0.1"))
        assert wait_until(lambda: session.apply(op("receive", LIVE)), within_s=5, what="the message") == ["m0.1"]


@pytest.mark.parametrize("subject", [environments(), naive.environments()], ids=lambda subject: subject.name)
def test_an_environment_hears_its_own_messages(endpoints, subject):
    with session_of(subject, endpoints) as session:
        subscribed(session, "read", PAPER)
        session.apply(op("write", PAPER, "v0.1"))
        assert wait_until(lambda: session.apply(op("read", PAPER)), within_s=5, what="the message") == "v0.1"


@pytest.mark.parametrize(
    ("subject", "hears"), [(environments(), False), (naive.environments(), True)], ids=["scope", "database"]
)
def test_only_a_scope_keeps_channels_apart(endpoints, subject, hears):
    with session_of(subject, endpoints) as session:
        subscribed(session, "read", LIVE)
        subscribed(session, "read", PAPER)
        session.apply(op("write", PAPER, "v0.1"))
        wait_until(lambda: session.apply(op("read", PAPER)), within_s=5, what="the message")
        assert (session.apply(op("read", LIVE)) == "v0.1") is hears
