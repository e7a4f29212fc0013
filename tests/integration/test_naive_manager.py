"""Without faults the naive state manager and the hardened one do the same."""

from __future__ import annotations

import pytest
from small_servers import op, session_of, started

from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.scenarios.naive import manager as naive
from pytest_arbredis.subjects.state.manager import managers


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield Endpoints(primary=("127.0.0.1", port), nodes={("127.0.0.1", port): "n0"})


@pytest.fixture(params=["naive", "hardened"])
def sessions(request, endpoints):
    """Two sessions of a kind of object, with keys of this test alone."""
    make = naive.managers if request.param == "naive" else managers

    def opened(what):
        return session_of(make(what), endpoints), session_of(make(what), endpoints)

    opened.key = f"arbredis:{request.node.name}:k:1".replace("[", "-").replace("]", "-")
    return opened


def test_statistics_add_up(sessions):
    one, other = sessions("stat")
    with one as one, other as other:
        one.apply(op("add", sessions.key, 2))
        other.apply(op("add", sessions.key, 3))
        assert one.apply(op("read", sessions.key)) == 5


@pytest.mark.parametrize("what", ["metric", "heartbeat"])
def test_metrics_and_heartbeats_are_the_last_ones(sessions, what):
    one, other = sessions(what)
    with one as one, other as other:
        one.apply(op("write", sessions.key, "v1.1"))
        other.apply(op("write", sessions.key, "v2.7"))
        assert one.apply(op("read", sessions.key)) == "v2.7"


def test_a_position_is_what_was_set(sessions):
    one, other = sessions("position")
    with one as one, other as other:
        one.apply(op("add", sessions.key, "v1"))
        assert other.apply(op("read", sessions.key)) == ["v1"]


def test_it_says_whom_it_asked(sessions):
    one, _ = sessions("stat")
    with one as one:
        one.apply(op("add", sessions.key, 1))
        assert (one.attempts, one.tried) == (1, ("n0", "memory"))
