"""The naive queue of operations and the hardened one do the same as long as nothing goes wrong."""

from __future__ import annotations

import pytest
from small_servers import op, session_of, started

from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.scenarios.naive import offline as naive
from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.offline import waiting_writes


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield Endpoints(primary=("127.0.0.1", port), nodes={("127.0.0.1", port): "n0"})


@pytest.mark.parametrize("subject", [naive.waiting_writes(), waiting_writes()], ids=["naive", "hardened"])
def test_what_is_written_is_read(endpoints, subject):
    with session_of(subject, endpoints) as session:
        assert session.apply(op("write", "k", "v1")) == "OK"
        assert session.apply(op("read", "k")) == "v1"
        assert session.apply(op("write", "k", "v2")) == "OK"
        assert session.apply(op("read", "k")) == "v2"
        assert session.apply(op("read", "nothing")) is None


def test_the_naive_queue_answers_reads_from_redis(endpoints):
    queue = naive.NaiveOfflineQueue(plain(endpoints))
    assert queue.do("SET", "k", "v")
    assert queue.ask("GET", "k", otherwise=b"x") == b"v"
    queue.redis.close()
