"""A session that is of one write is told by its value; any other by what is wrong with it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.protocol import Answer, Invocation
from pytest_arbredis.state.errors import (
    ConnectionLostError,
    NotConfirmedError,
    OutOfMemoryError,
)
from pytest_arbredis.state.sessions.snapshot import TornSessionError
from pytest_arbredis.subjects.state.sessions import Sessions, place_of, state_of, value_of


def op(name, value=None, key="arbredis:run:register:5"):
    return Invocation(id=0, name=name, key=key, input=value)


def opened(ttl_s=None, wait_replicas=0, **store):
    made = SimpleNamespace(**{"close": lambda: None, **store})
    subject = Sessions(name="s", make=lambda _: made, ttl_s=ttl_s, wait_replicas=wait_replicas)
    return subject.open(SimpleNamespace())


def raising(error):
    def raises(*_):
        raise error

    return raises


def test_a_whole_session_is_its_value():
    assert all(value_of(state_of(f"v{number}")) == f"v{number}" for number in range(50))


def test_no_session_is_null():
    assert value_of({}) is None


def test_the_number_of_fields_differs_between_values():
    assert {len(state_of(f"v{number}")["session"]) for number in range(50)} == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("metrics"),
        lambda state: state.update(positions=state_of("v2")["positions"]),
        lambda state: state["session"].update(old=1),
        lambda state: state["risk_guard"].update(value=None),
        lambda state: state["session"].clear(),
    ],
)
def test_a_session_that_is_not_of_one_write_is_described(spoil):
    state = state_of("v1")
    spoil(state)
    assert value_of(state).startswith("torn: ")


def test_four_keys_share_a_session_id_in_four_environments():
    places = [place_of(f"arbredis:run:register:{number}") for number in range(8)]
    assert len(set(places)) == 8
    assert {session_id for _, session_id in places} == {"arbredis-run-register-0", "arbredis-run-register-1"}
    assert [env for env, _ in places] == ["paper", "live", "backtest", "test"] * 2


def test_a_session_without_an_end_is_described_where_it_should_have_one():
    lives = {"session": 5, "positions": -1, "metrics": 5, "risk_guard": 5}
    store = {"load": lambda *_: state_of("v1"), "lives_ms": lambda *_: lives}
    assert opened(ttl_s=60, **store).apply(op("read")) == "v1, and positions never expires"
    assert opened(**store).apply(op("read")) == "v1"


@pytest.mark.parametrize(
    ("error", "outcome", "confirmed"),
    [
        (OutOfMemoryError("full"), "fail", None),
        (ConnectionLostError("lost"), "unknown", None),
        (NotConfirmedError("one", confirmed=1, wanted=2), None, 1),
    ],
)
def test_an_error_says_what_became_of_a_save(error, outcome, confirmed):
    answer = opened(save=raising(error)).apply(op("write", "v1"))
    assert (answer.outcome, answer.confirmed) == (outcome, confirmed)


def test_a_torn_load_is_a_value_that_nobody_wrote():
    answer = opened(load=raising(TornSessionError({"metrics": "is missing"}, {}))).apply(op("read"))
    assert isinstance(answer, Answer)
    assert "metrics is missing" in answer.output


def test_a_confirmed_save_says_by_how_many():
    answer = opened(wait_replicas=2, save=lambda *_: 2).apply(op("write", "v1"))
    assert (answer.confirmed, answer.wanted) == (2, 2)


def test_another_operation_is_refused():
    with pytest.raises(UsageError, match="increment"):
        opened().apply(op("increment"))
