"""Values that JSON allows and machines dislike: integers beyond 64 bits, and lists a thousand deep."""

from __future__ import annotations

import json

import pytest

from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.column_loading import load_columns
from pytest_arbredis.history.interning import identity_of, value_of
from pytest_arbredis.history.jsonl import encode, load
from pytest_arbredis.history.records import Header, Op

HUGE = 2**64 + 1


@pytest.fixture
def stored(tmp_path):
    """Write a history of one write of each text of JSON."""

    def store(*values):
        path = tmp_path / "history.jsonl"
        lines = [encode(Header(run="r"))]
        for number, value in enumerate(values):
            op = Op(
                id=number,
                process=number,
                name="write",
                key="k",
                input="@",
                output=None,
                outcome="ok",
                invoked_ns=1,
                completed_ns=2,
            )
            lines.append(encode(op).replace(b'"@"', value.encode()))
        path.write_bytes(b"\n".join(lines) + b"\n")
        return path

    return store


@pytest.mark.parametrize(
    "values",
    [(HUGE, HUGE + 1), (-HUGE, -HUGE - 1), ([HUGE], [HUGE + 1]), ({"a": [HUGE]}, {"a": [HUGE + 1]}), (2**64, 1e300)],
)
def test_integers_beyond_64_bits_are_what_is_written(stored, values):
    path = stored(*map(json.dumps, values))
    assert tuple(op.input for op in load(path).ops) == values
    assert load_columns(path).columns.values == values


def test_an_integer_with_more_digits_than_python_reads_is_refused_with_its_line(stored):
    path = stored("1", "9" * 250, "9" * 5000)
    for read in (load, load_columns):
        with pytest.raises(MalformedHistoryError, match="line 4"):
            read(path)


@pytest.mark.parametrize("depth", [101, 330, 900, 2000])
@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}")])
def test_values_deep_in_one_another_are_refused_with_their_line(stored, depth, begin, end):
    path = stored("1", begin * depth + "1" + end * depth)
    for read in (load, load_columns):
        with pytest.raises(MalformedHistoryError, match="line 3"):
            read(path)


def test_what_is_a_hundred_deep_is_read(stored):
    assert len(load_columns(stored("[" * 100 + "]" * 100)).columns) == 1


@pytest.mark.parametrize("value", [None, True, 1, "v", [1, [True, {}]], {"a": {"b": [None]}}])
def test_a_value_is_found_again_by_its_identity(value):
    again = value_of(identity_of(value))
    assert json.dumps(again, sort_keys=True) == json.dumps(value, sort_keys=True)
