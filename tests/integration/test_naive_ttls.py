"""Without faults all that must end ends in time, as the designs write it and as the layer does."""

from __future__ import annotations

import pytest
from small_servers import op, session_of, started

from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.scenarios.naive import ttls as naive
from pytest_arbredis.state.keyspace.patterns import pattern_of
from pytest_arbredis.subjects.state.lifetimes import PATTERNS, key_of, mortals


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield Endpoints(primary=("127.0.0.1", port), nodes={("127.0.0.1", port): "n0"})


@pytest.mark.parametrize("kind", PATTERNS)
@pytest.mark.parametrize("subject", [naive.mortals(), mortals()], ids=["naive", "hardened"])
def test_what_is_written_ends_in_its_time(endpoints, subject, kind):
    name = "naive" if subject.make is naive.NaiveWriter else "hardened"
    key = f"arbredis:{name}:{kind}:0:1"
    due_ms = 1000 * PATTERNS[kind].ttl_s
    with session_of(subject, endpoints) as session:
        assert session.apply(op(kind, key)) == -2
        assert session.apply(op("write", key, "v1")) == "OK"
        assert 0.8 * due_ms < session.apply(op(kind, key)) <= due_ms + 5


@pytest.mark.parametrize("kind", PATTERNS)
def test_keys_of_a_kind_belong_to_its_pattern(kind):
    found = pattern_of(key_of(kind, f"arbredis:run:{kind}:0:1"))
    assert found is not None
    assert found[0] is PATTERNS[kind]
