"""Without faults the naive pool of asyncio and the layer do the same for tasks of one loop; some are cancelled."""

from __future__ import annotations

import pytest
from small_servers import SERVER, op, session_of, started

from pytest_arbredis import subjects
from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.scenarios.naive.asyncio_connections import GivenBack, plain

pytestmark = pytest.mark.skipif(SERVER is None, reason="redis-server is not on PATH")


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield Endpoints(primary=("127.0.0.1", port))


@pytest.mark.parametrize(
    "subject",
    [
        plain(),
        GivenBack(connections=2, cancelled=0),
        subjects.state_layer(asyncio=True, max_connections=2),
        subjects.state_layer(asyncio=True, own_loops=True),
    ],
    ids=["redis-py", "naive pool", "state layer", "state layer, own loops"],
)
def test_clients_read_what_others_wrote(endpoints, subject):
    with session_of(subject, endpoints) as one, session_of(subject, endpoints) as other:
        assert one.apply(op("read", "absent")).output is None
        assert one.apply(op("write", "k", "v")).output == "OK"
        assert other.apply(op("read", "k")).output == "v"


@pytest.mark.parametrize(
    "subject",
    [GivenBack(connections=1, cancelled=1), subjects.state_layer(asyncio=True, max_connections=1, cancelled=1)],
    ids=["naive pool", "state layer"],
)
def test_a_call_that_is_cancelled_is_no_error_of_redis(endpoints, subject, monkeypatch):
    monkeypatch.setattr("pytest_arbredis.subjects.state.cancelling.SOONEST_S", 1e-9)
    monkeypatch.setattr("pytest_arbredis.subjects.state.cancelling.LATEST_S", 1e-9)
    with session_of(subject, endpoints) as session:
        answers = [session.apply(op("write", f"k{number}", "v")) for number in range(2)]
    assert {answer.error for answer in answers} == {"Cancelled: by its caller"}
    assert {answer.outcome for answer in answers} <= {"fail", "unknown"}
