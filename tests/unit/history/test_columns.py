from __future__ import annotations

import itertools

import pytest

from pytest_arbredis.history.columns import FAIL, NEVER, OK, UNKNOWN, columns_of
from pytest_arbredis.history.history import History
from pytest_arbredis.history.interning import InternedJson
from pytest_arbredis.history.records import NOT_SENT, Header, Op

OPS = (
    Op(id=7, process=3, name="write", key="a", input="v", outcome="ok", invoked_ns=10, completed_ns=20, confirmed=0),
    Op(id=9, process=4, name="read", key="b", output=["v"], invoked_ns=11),
    Op(
        id=2,
        process=5,
        name="write",
        key="a",
        input="v",
        outcome="fail",
        invoked_ns=12,
        completed_ns=12,
        error=NOT_SENT,
    ),
    Op(id=3, process=6, name="ping", outcome="ok", invoked_ns=13, completed_ns=14, output="v", meta={"final": True}),
)


def columns(*ops):
    return columns_of(History.of(Header(run="r"), ops))


def test_every_operation_is_one_entry_in_the_order_of_the_history():
    found = columns(*reversed(OPS))
    assert len(found) == 4
    assert found.id.tolist() == [7, 9, 2, 3]
    assert found.process.tolist() == [3, 4, 5, 6]
    assert [found.names[number] for number in found.name] == ["write", "read", "write", "ping"]
    assert found.key.tolist() == [0, 1, 0, -1]
    assert found.keys == ("a", "b")
    assert found.outcome.tolist() == [OK, UNKNOWN, FAIL, OK]
    assert found.invoked_ns.tolist() == [10, 11, 12, 13]
    assert found.completed_ns.tolist() == [20, NEVER, 12, 14]
    assert found.input.tolist() == [0, -1, 0, -1]
    assert [None if number < 0 else found.values[number] for number in found.output] == [None, ["v"], None, "v"]
    assert found.final.tolist() == [False, False, False, True]
    assert found.sent.tolist() == [True, True, False, True]
    assert found.confirmed.tolist() == [0, -1, -1, -1]


def test_arrays_have_the_types_that_checks_rely_on():
    for found in (columns(*OPS), columns()):
        types = {
            name: str(getattr(found, name).dtype)
            for name in found.__slots__
            if not isinstance(getattr(found, name), tuple)
        }
        wide = {name for name, kind in types.items() if kind == "int64"}
        assert wide == {"id", "process", "invoked_ns", "completed_ns"}
        assert {name for name, kind in types.items() if kind == "bool"} == {"final", "sent"}
        assert {name for name, kind in types.items() if kind == "int8"} == {"outcome"}
        assert {name for name, kind in types.items() if kind == "int32"} == {
            "name",
            "key",
            "input",
            "output",
            "confirmed",
        }


def test_operations_are_chosen_by_name_without_the_final_reads():
    found = columns(*OPS)
    assert found.named("write", "ping").tolist() == [True, False, True, False]
    assert columns().named("write").tolist() == []


SAME = [(1, 1.0), (b"text", "text"), ([1, {"a": 1, "b": 2.0}], [1.0, {"b": 2, "a": 1}]), (0, -0.0), ([], [])]
DIFFERENT = [
    True,
    False,
    1,
    0,
    "1",
    "",
    "True",
    [1],
    [True],
    [[1]],
    {},
    [],
    {"a": 1},
    {"a": True},
    b"\xff",
    "ÿ",
    [None],
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_equal_values_share_a_number(one, other):
    numbers = InternedJson()
    assert numbers.number(one) == numbers.number(other) == 0
    assert numbers.values == [one]


def test_values_that_python_calls_equal_but_json_does_not_are_told_apart():
    for one, other in itertools.combinations(DIFFERENT, 2):
        numbers = InternedJson()
        assert numbers.number(one) != numbers.number(other), (one, other)


def test_null_is_no_value():
    assert InternedJson().number(None) == -1
