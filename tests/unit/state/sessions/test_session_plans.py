"""What the session store sends, and what it refuses to send; without a server."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_arbredis.state.asks import Call, Confirm, Transaction
from pytest_arbredis.state.errors import ConflictError, KeyRefusedError, MisuseError, TooLargeError
from pytest_arbredis.state.keyspace.parts import CATEGORIES
from pytest_arbredis.state.sessions import plans
from pytest_arbredis.state.sessions.plans import Rules
from pytest_arbredis.state.sessions.snapshot import TornSessionError, snapshot_of
from pytest_arbredis.state.sessions.values import decoded, encoded

SAVED = [b"1700000000000001", b"1700000000000"]


def asked(plan, *replies):
    """What a plan asks, given these replies, and what it returns."""
    asks = [next(plan)]
    try:
        for reply in replies:
            asks.append(plan.send(reply))  # noqa: PERF401 - a generator would make the plan's end an error
    except StopIteration as done:
        return asks, done.value
    return asks, None


def hash_of(version, fields, *, beside="session"):
    own = [b":version", b"%d" % version, b":saved_ms", b"5", b":categories", beside.encode()]
    return own + [word for name, value in fields.items() for word in (name.encode(), value)]


def test_a_save_is_one_script_on_all_keys_of_the_session():
    asks, saved = asked(plans.save("paper", "s1", {"session": {"a": 1}}), SAVED)
    (call,) = asks
    assert isinstance(call, Call)
    assert call.keys == tuple(f"arbitrage:state:paper:s1:{category}" for category in CATEGORIES)
    assert (saved.version, saved.saved_ms) == (1700000000000001, 1700000000000)


def test_a_save_that_must_be_confirmed_waits_behind_the_script():
    asks, _ = asked(plans.save("paper", "s1", {"session": {}}, rules=Rules(wait_replicas=2, wait_ms=40)), SAVED, 2)
    assert [type(ask) for ask in asks] == [Call, Confirm]
    assert (asks[1].replicas, asks[1].within_ms) == (2, 40)


def test_without_one_transaction_each_category_is_saved_for_itself():
    rules = Rules(without=frozenset({"one-transaction"}))
    plan = plans.save("paper", "s1", {"session": {}, "metrics": {"a": 1}}, rules=rules)
    asks, _ = asked(plan, SAVED, SAVED, SAVED, SAVED)
    assert [type(ask) for ask in asks] == [Call] * 4
    assert all(len(ask.keys) == 1 for ask in asks)


def test_without_its_ttl_in_one_step_a_save_expires_in_a_second():
    plan = plans.save("paper", "s1", {"session": {}}, ttl_s=5, rules=Rules(without=frozenset({"ttl-in-one-step"})))
    asks, _ = asked(plan, SAVED, [1, 0, 0, 0])
    assert [type(ask) for ask in asks] == [Call, Transaction]


def test_without_one_version_a_load_reads_four_times_and_believes_what_it_sees():
    plan = plans.load("paper", "s1", rules=Rules(without=frozenset({"one-version-load"})))
    asks, found = asked(plan, [hash_of(1, {"a": b"1"})], [hash_of(2, {"a": b"2"})], [[]], [[]])
    assert len(asks) == 4
    assert found.categories == {"session": {"a": 1}, "positions": {"a": 2}}


def test_a_hardening_that_is_unknown_is_refused():
    with pytest.raises(MisuseError, match="no such hardening"):
        Rules(without=frozenset({"replicate"}))


@pytest.mark.parametrize(
    ("state", "options", "error", "says"),
    [
        ({}, {}, MisuseError, "without any category"),
        ({"orders": {}}, {}, KeyRefusedError, "category"),
        ({"session": {"": 1}}, {}, MisuseError, "1 to 256"),
        ({"session": {":version": 1}}, {}, MisuseError, "the layer's own"),
        ({"session": {"a\nb": 1}}, {}, MisuseError, "control"),
        ({"session": {3: 1}}, {}, MisuseError, "no str"),
        ({"session": {"\ud800": 1}}, {}, MisuseError, "UTF-8"),
        ({"session": [1]}, {}, MisuseError, "no mapping"),
        ({"session": {f"f{n}": 0 for n in range(997)}}, {}, TooLargeError, "997 fields"),
        ({"session": {"a": "x" * 1_000_000}}, {}, TooLargeError, "1000002 bytes"),
        ({"session": {"a": float("nan")}}, {}, MisuseError, "nan"),
        ({"session": {"a": [float("inf")]}}, {}, MisuseError, "inf"),
        ({"session": {"a": decimal.Decimal(1)}}, {}, MisuseError, "Decimal"),
        ({"session": {"a": (1, 2)}}, {}, MisuseError, "tuple"),
        ({"session": {"a": {1: 2}}}, {}, MisuseError, "no str"),
        ({"session": {"a": uuid.UUID(int=0)}}, {}, MisuseError, "UUID"),
        ({"session": {"a": dt.datetime(2026, 1, 1, tzinfo=dt.UTC)}}, {}, MisuseError, "datetime"),
        ({"session": {"a": enum.IntEnum("E", "x").x}}, {}, MisuseError, "E"),
        ({"session": {"a": 2**64}}, {}, MisuseError, "64"),
        ({"session": {"a": "\ud800"}}, {}, MisuseError, "no JSON"),
        ({"session": {}}, {"ttl_s": 0}, MisuseError, "ttl_s"),
        ({"session": {}}, {"ttl_s": float("nan")}, MisuseError, "ttl_s"),
        ({"session": {}}, {"if_version": -1}, MisuseError, "if_version"),
        ({"session": {}}, {"others": "drop"}, MisuseError, "others"),
    ],
)
def test_what_is_not_right_is_refused_before_anything_is_sent(state, options, error, says):
    with pytest.raises(error, match=says) as raised:
        next(plans.save("paper", "s1", state, **options))
    assert raised.value.applied == "no"


def test_lists_within_lists_without_end_are_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(MisuseError, match="levels"):
        next(plans.save("paper", "s1", {"session": {"a": endless}}))


def test_the_longest_value_and_the_most_fields_go_through():
    state = {"session": {f"f{n}": 0 for n in range(996)}, "metrics": {"a": "x" * 999_998}}
    assert isinstance(next(plans.save("paper", "s1", state)), Call)


def test_a_conflict_says_at_which_version_the_session_is():
    for plan in (plans.save("paper", "s1", {"session": {}}, if_version=3), plans.delete("paper", "s1", if_version=3)):
        next(plan)
        with pytest.raises(ConflictError, match="at version 4") as raised:
            plan.send([b"conflict", b"4"])
        assert raised.value.applied == "no"


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4)
        ),
    )
)
def test_a_value_comes_back_with_its_type(value):
    back = decoded(encoded(value, where="it"))
    assert back == value
    assert repr(back) == repr(value)  # 1 is not 1.0 and not True, and -0.0 not 0.0


def test_a_session_that_is_nowhere_is_none():
    assert snapshot_of([[], [], [], []]) is None


@pytest.mark.parametrize(
    ("replies", "wrong"),
    [
        ([hash_of(1, {}), hash_of(2, {}), [], []], {"session": "is of version 1, others of 2"}),
        ([hash_of(1, {}, beside="session,metrics"), [], [], []], {"metrics": "is missing"}),
        ([[b"a", b"1"], [], [], []], {"session": "has no version: something else wrote it"}),
        ([hash_of(1, {"a": b"{"}), [], [], []], {"session": "the field 'a' is not JSON"}),
        ([b"WRONGTYPE Operation", [], [], []], {"session": "cannot be read: WRONGTYPE Operation"}),
    ],
)
def test_a_session_that_is_not_of_one_save_is_named_by_category(replies, wrong):
    with pytest.raises(TornSessionError) as raised:
        snapshot_of(replies)
    assert raised.value.wrong == wrong


def test_what_is_of_the_newest_version_can_still_be_read_from_the_error():
    replies = [hash_of(1, {"a": b"1"}), hash_of(2, {"b": b"2"}), [], []]
    with pytest.raises(TornSessionError) as raised:
        snapshot_of(replies)
    assert raised.value.readable == {"positions": {"b": 2}}
