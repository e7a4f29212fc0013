from __future__ import annotations

import random

import numpy as np
import orjson
import pytest

from pytest_arbredis.errors import MalformedHistoryError
from pytest_arbredis.history.column_loading import load_columns
from pytest_arbredis.history.columns import columns_of
from pytest_arbredis.history.history import History
from pytest_arbredis.history.jsonl import dump, load
from pytest_arbredis.history.lines import HistoryWarning
from pytest_arbredis.history.records import NOT_SENT, Event, FaultRecord, Header, Op

OP = {
    "type": "op",
    "id": 0,
    "process": 0,
    "name": "write",
    "key": "k",
    "input": 1,
    "output": "OK",
    "outcome": "ok",
    "intended_ns": None,
    "invoked_ns": 10,
    "completed_ns": 20,
    "error": None,
}
HEADER = {
    "type": "header",
    "format": "arbredis-history",
    "version": 1,
    "run": "r",
    "seed": 1,
    "subject": "s",
    "model": None,
    "meta": {},
}
VALUES = [None, 0, 1, 1.0, -1, True, False, "", "1", "v", b"\xff", [], [1], [True], {"a": 1}, {"a": [b"\xfe"]}, 2.5]


def some_history(seed):
    chance = random.Random(seed)
    ops = []
    for number in range(chance.randrange(300)):
        outcome = chance.choice(["ok", "fail", "unknown"])
        at = number * 1000 + chance.randrange(500)
        planned = outcome == "fail" and chance.random() < 0.3
        ops.append(
            Op(
                id=chance.choice([1, -1]) * (number + 1),
                process=number,
                name=chance.choice(["read", "write", "cas"]),
                key=chance.choice([None, "a", "b", "ü"]),
                input=chance.choice(VALUES),
                output=chance.choice(VALUES),
                outcome=outcome,
                invoked_ns=at,
                completed_ns=None if outcome == "unknown" and chance.random() < 0.5 else at + chance.randrange(2000),
                intended_ns=chance.choice([None, at]),
                error=NOT_SENT if planned else chance.choice([None, "late"]),
                node=chance.choice([None, "n0"]),
                attempts=chance.choice([None, 1]),
                confirmed=None if outcome == "fail" else chance.choice([None, 0, 2]),
                meta=chance.choice([{}, {"final": True}, {"tried": ["n0"]}]),
                extra=chance.choice([{}, {}, {"colour": "red"}]),
            )
        )
    chance.shuffle(ops)
    others = [Event(name="phase", source="h", at_ns=5, data={"phase": "load"})]
    faults = [FaultRecord(id=0, name="crash", target="primary", began_ns=7, nodes=("n0",))]
    return History.of(Header(run="r", seed=seed, meta={"a": 1}), [*ops, *others, *faults])


def written(tmp_path, *lines, end=b"\n"):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines) + end)
    return path


TABLES = {"name": "names", "key": "keys", "input": "values", "output": "values"}


def same(one, other):
    """Whether two columns give the same operations, with the same of their values equal."""
    for name in one.__slots__:
        mine, theirs = getattr(one, name), getattr(other, name)
        if isinstance(mine, np.ndarray) and name not in TABLES:
            assert mine.dtype == theirs.dtype, name
            assert mine.tolist() == theirs.tolist(), name
    for name, table in TABLES.items():
        renumbered = dict(zip(getattr(one, name).tolist(), getattr(other, name).tolist(), strict=True))
        assert [renumbered[number] for number in getattr(one, name).tolist()] == getattr(other, name).tolist(), name
        assert len(set(renumbered.values())) == len(renumbered), name
        assert renumbered.pop(-1, -1) == -1
        mine, theirs = getattr(one, table), getattr(other, table)
        assert all(mine[number] == theirs[renumbered[number]] for number in renumbered), name
    return True


@pytest.mark.parametrize("seed", range(20))
def test_columns_from_lines_are_those_of_the_loaded_history(tmp_path, seed):
    path = tmp_path / "history.jsonl"
    dump(some_history(seed), path)
    history = load(path)
    loaded = load_columns(path)
    assert same(loaded.columns, columns_of(history))
    assert (loaded.rest.header, loaded.rest.faults, loaded.rest.events) == (
        history.header,
        history.faults,
        history.events,
    )
    assert loaded.rest.ops == ()


BAD = [
    b"{",
    b"[1]",
    b"{}",
    HEADER,
    {**OP, "type": 1},
    {name: value for name, value in OP.items() if name != "output"},
    {**OP, "id": True},
    {**OP, "id": 2**63},
    {**OP, "process": 2**63},
    {**OP, "key": 3},
    {**OP, "outcome": "maybe"},
    {**OP, "invoked_ns": -1},
    {**OP, "intended_ns": -1},
    {**OP, "attempts": -1},
    {**OP, "confirmed": 2**31},
    {**OP, "outcome": "fail", "confirmed": 0},
    {**OP, "outcome": "ok", "error": NOT_SENT},
    {**OP, "completed_ns": 9},
    {**OP, "completed_ns": 2**63},
    {**OP, "completed_ns": 2**63 - 1},
    {**OP, "completed_ns": None},
    {**OP, "input": {"$bytes": "!"}},
    {**OP, "meta": {"a": {"$bytes": "!"}}},
    {**OP, "process": 8},
    {**OP, "id": 8},
    {"type": "fault"},
    {"type": "op"},
]


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_the_error_that_load_raises(tmp_path, bad):
    """The good line before it has its shape, so that what is checked by shape alone would pass."""
    path = written(
        tmp_path,
        HEADER,
        {**OP, "id": 8, "process": 8, "attempts": 1, "confirmed": 1},
        {**OP, "id": 9, "process": 9},
        bad,
    )
    with pytest.raises(MalformedHistoryError) as expected:
        load(path)
    with pytest.raises(MalformedHistoryError) as raised:
        load_columns(path)
    assert str(raised.value) == str(expected.value)
    assert ", line " in str(raised.value)


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_line_is_that_error_without_good_ones_too(tmp_path, bad):
    path = written(tmp_path, HEADER, bad, bad)
    with pytest.raises(MalformedHistoryError) as expected:
        load(path)
    with pytest.raises(MalformedHistoryError) as raised:
        load_columns(path)
    assert str(raised.value) == str(expected.value)


def test_kinds_that_are_not_known_are_left_out_with_one_warning(tmp_path):
    path = written(tmp_path, HEADER, {"type": "later"}, b"  ", OP, {"type": "later"}, end=b"")
    with pytest.warns(HistoryWarning, match="2 of later") as caught:
        assert len(load_columns(path).columns) == 1
    assert len(caught) == 1
    assert caught[0].filename == __file__


def test_what_a_killed_recorder_left_is_read_as_load_reads_it(tmp_path):
    in_flight = {**OP, "outcome": "unknown", "output": None, "completed_ns": None}
    assert load_columns(written(tmp_path, HEADER, in_flight, OP)).columns.outcome.tolist() == [0]
    torn = written(tmp_path, {**HEADER, "recording": True}, OP, b'{"type":"op","id"', end=b"")
    with pytest.warns(HistoryWarning, match="torn last line"):
        assert len(load_columns(torn).columns) == 1


def test_files_that_are_missing_or_empty_are_named(tmp_path):
    with pytest.raises(MalformedHistoryError, match="No such file"):
        load_columns(tmp_path / "nothing")
    with pytest.raises(MalformedHistoryError, match="empty"):
        load_columns(written(tmp_path, b""))


def test_a_history_without_operations_has_columns_without_entries(tmp_path):
    assert len(load_columns(written(tmp_path, HEADER)).columns) == 0


def test_progress_grows_from_nothing_to_all(tmp_path):
    shares = []
    lines = [{**OP, "id": number, "process": number} for number in range(1000)]
    load_columns(written(tmp_path, HEADER, *lines), shares.append)
    assert shares == sorted(shares)
    assert 50 < len(shares) <= 102
    assert shares[0] < 0.05
    assert shares[-1] == 1.0


@pytest.mark.parametrize(
    "lines",
    [
        [b'{"type":"later"},{"type":"later"}'],
        [b'{"type":"later"', b'"a":1}'],
        [b'{"type":"later"},{"type":"later"}', b'{"type":"later"', b'"a":1}'],
        [b'{"type":"later","a":[{}', b"{}]}", b'{"type":"later"},{"type":"later"}'],
        [b'{"type":"later","a":"', b'"}'],
    ],
)
def test_every_line_is_one_whole_value_though_many_are_decoded_at_once(tmp_path, lines):
    path = written(tmp_path, HEADER, OP, *lines, {**OP, "id": 1, "process": 1})
    with pytest.raises(MalformedHistoryError) as expected:
        load(path)
    with pytest.raises(MalformedHistoryError) as raised:
        load_columns(path)
    assert str(raised.value) == str(expected.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("intended_ns", -1),
        ("completed_ns", 2**63 - 1),
        ("confirmed", -1),
        ("attempts", True),
        ("entered_ns", 1.0),
        ("key", ["k"]),
        ("key", 1),
        ("name", None),
        ("outcome", ["ok"]),
        ("node", 1),
        ("meta", None),
    ],
)
def test_a_bad_value_is_found_among_nulls_and_lines_of_other_fields(tmp_path, field, value):
    """What a null stands for in a column (-1, the latest time) is no value that a line may have."""
    others = [{**OP, "id": number, "process": number, "completed_ns": 20 + number} for number in range(1, 9)]
    in_flight = {**OP, "id": 9, "process": 9, "outcome": "unknown", "completed_ns": None, "key": None, "confirmed": 1}
    path = written(tmp_path, HEADER, *others, in_flight, {**OP, field: value})
    with pytest.raises(MalformedHistoryError) as expected:
        load(path)
    with pytest.raises(MalformedHistoryError) as raised:
        load_columns(path)
    assert str(raised.value) == str(expected.value)


def test_what_is_read_in_many_batches_is_one_history(tmp_path):
    """Numbers of names, keys and values go on from batch to batch; faults and unknown fields come in between."""
    ops = [
        Op(
            id=number,
            process=number,
            name="read" if number % 3 else "write",
            key=None if number % 50 == 0 else f"k{number % 7}",
            input=VALUES[number * 7 % len(VALUES)],
            output=f"v{number // 2}",
            outcome="ok",
            invoked_ns=number,
            completed_ns=number + 1,
            extra={"colour": "red"} if number % 900 == 0 else {},
        )
        for number in range(3000)
    ]
    faults = [FaultRecord(id=number, name="crash", target="primary", began_ns=number * 900) for number in range(3)]
    path = tmp_path / "history.jsonl"
    dump(History.of(Header(run="r"), [*ops, *faults]), path)
    loaded = load_columns(path)
    assert same(loaded.columns, columns_of(load(path)))
    assert len(loaded.rest.faults) == 3
