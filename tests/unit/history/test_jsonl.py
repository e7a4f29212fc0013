from __future__ import annotations

import time
import warnings

import orjson
import pytest

from pytest_arbredis.errors import MalformedHistoryError, UsageError
from pytest_arbredis.history.history import History
from pytest_arbredis.history.jsonl import dump, encode, load
from pytest_arbredis.history.lines import HistoryWarning
from pytest_arbredis.history.records import Event, Evidence, FaultRecord, Header, Op

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
FAULT = {
    "type": "fault",
    "id": 0,
    "name": "crash",
    "target": "primary",
    "params": {},
    "began_ns": 5,
    "ended_ns": None,
    "evidence": None,
}
EVENT = {"type": "event", "name": "phase", "source": "harness", "at_ns": 1, "data": {"phase": "load"}}


def written(tmp_path, *lines, end=b"\n"):
    path = tmp_path / "history.jsonl"
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines) + end)
    return path


FULL = History(
    header=Header(run="r", seed=7, subject="s", model="register", meta={"a": [1, None]}, extra={"later": 1}),
    ops=(
        Op(id=1, process=0, name="write", key="k", input=b"\xff\x00", invoked_ns=5, intended_ns=4),
        Op(
            id=2,
            process=1,
            name="read",
            key="k",
            output={"nested": [b"\xfe"]},
            outcome="ok",
            invoked_ns=6,
            completed_ns=9,
            error="e",
            node="n1",
            attempts=2,
            confirmed=0,
            entered_ns=7,
            meta={"tried": ["n0", "n1"]},
            extra={"colour": "red"},
        ),
    ),
    faults=(
        FaultRecord(
            id=0,
            name="latency",
            target="primary",
            nodes=("n1",),
            params={"ms": 200},
            began_ns=7,
            ended_ns=8,
            evidence=Evidence(source="probe", at_ns=7, detail="203 ms"),
            extra={"x": None},
        ),
    ),
    events=(Event(name="note", source="t", at_ns=3, data={"v": b"\xff"}, extra={"y": 1}),),
)


def test_what_was_dumped_is_loaded_again(tmp_path):
    dump(FULL, tmp_path / "h")
    assert load(tmp_path / "h") == FULL
    assert [path.name for path in tmp_path.iterdir()] == ["h"]


def test_lines_may_come_in_any_order_with_blank_ones_between_and_without_a_last_newline(tmp_path):
    late = {**OP, "id": 1, "invoked_ns": 30, "completed_ns": 40}
    history = load(written(tmp_path, HEADER, late, b"", b"   ", EVENT, OP, FAULT, end=b""))
    assert [op.id for op in history.ops] == [0, 1]
    assert len(history.events) == len(history.faults) == 1


def test_bytes_that_are_text_are_written_as_text():
    assert orjson.loads(encode(Event(name="note", source="s", at_ns=1, data={"a": b"text"})))["data"] == {"a": "text"}


def test_unknown_kinds_are_left_out_with_one_warning(tmp_path):
    path = written(tmp_path, HEADER, {"type": "later"}, OP, {"type": "later"}, {**EVENT, "name": "novelty"})
    with pytest.warns(HistoryWarning, match="1 of event novelty, 2 of later") as caught:
        assert len(load(path).ops) == 1
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"{", "line 3"),
        (b"[1]", "not a JSON object"),
        (b"{}", "`type` is missing"),
        (HEADER, "a second header"),
        ({**OP, "type": 1}, "`type` is 1"),
        *(({name: value for name, value in OP.items() if name != gone}, f"`{gone}` is missing") for gone in [*OP][2:]),
        ({**OP, "id": True}, "`id` is True, not integer"),
        ({**OP, "id": 1.0}, "`id` is 1.0"),
        ({**OP, "key": 3}, "`key` is 3, not null or string"),
        ({**OP, "outcome": "maybe"}, "'maybe', not one of ok, fail, unknown"),
        ({**OP, "invoked_ns": -1}, "`invoked_ns` is -1"),
        ({**OP, "completed_ns": 9}, "`completed_ns` 9 is before"),
        ({**OP, "completed_ns": None}, "outcome` is ok but"),
        ({**OP, "attempts": "1"}, "`attempts` is '1'"),
        ({**OP, "meta": None}, "`meta` is None"),
        ({**OP, "input": {"$bytes": "!"}}, "not base64"),
        ({**OP, "input": {"$bytes": 3}}, "not base64"),
        ({**FAULT, "nodes": [1]}, "`nodes` holds"),
        ({**FAULT, "ended_ns": 1}, "`ended_ns` 1 is before"),
        ({**FAULT, "evidence": {"source": "x"}}, "in `evidence`: `at_ns` is missing"),
        ({**EVENT, "at_ns": -5}, "`at_ns` is -5"),
        ({**EVENT, "data": []}, "`data` is"),
    ],
)
def test_a_bad_line_is_an_error_that_names_it(tmp_path, line, what):
    with pytest.raises(MalformedHistoryError) as caught:
        load(written(tmp_path, HEADER, {**OP, "id": 8, "process": 8}, line))
    assert ", line 3: " in str(caught.value)
    assert what in str(caught.value)
    assert "remedy: " in str(caught.value)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (OP, "not a header"),
        ({**HEADER, "format": "other"}, "not a header"),
        ({**HEADER, "version": 2}, "version is 2"),
        ({**HEADER, "version": True}, "version is True"),
        ({**HEADER, "run": None}, "`run` is None"),
        ({name: value for name, value in HEADER.items() if name != "model"}, "`model` is missing"),
        (b"", "empty"),
    ],
)
def test_a_file_without_a_good_header_is_refused(tmp_path, line, what):
    with pytest.raises(MalformedHistoryError, match=what):
        load(written(tmp_path, line))


def test_a_file_that_cannot_be_read_is_a_usage_error(tmp_path):
    with pytest.raises(MalformedHistoryError, match="No such file"):
        load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("first", "second", "wrong"),
    [
        ((10, 20), (15, 30), True),
        ((10, 20), (20, 30), False),
        ((10, None), (30, 40), True),
        ((10, 20), (10, 30), True),
        ((10, 10), (10, 10), False),
    ],
)
def test_a_process_has_one_operation_at_a_time(tmp_path, first, second, wrong):
    lines = [
        {**OP, "id": number, "outcome": "unknown", "invoked_ns": invoked, "completed_ns": completed}
        for number, (invoked, completed) in enumerate([first, second])
    ]
    path = written(tmp_path, HEADER, *reversed(lines))
    if wrong:
        with pytest.raises(
            MalformedHistoryError, match=r"line [23]: operation . of process 0 .* one operation at a time"
        ):
            load(path)
    else:
        assert len(load(path).ops) == 2


def test_an_operation_that_was_never_sent_overlaps_nothing(tmp_path):
    hung = {**OP, "outcome": "unknown", "completed_ns": None}
    planned = {**OP, "id": 1, "outcome": "fail", "error": "not-sent", "invoked_ns": 50, "completed_ns": 50}
    assert len(load(written(tmp_path, HEADER, hung, planned)).ops) == 2


def test_of_an_operation_in_flight_and_completed_the_completed_line_counts(tmp_path):
    in_flight = {**OP, "outcome": "unknown", "output": None, "completed_ns": None}
    for lines in ((in_flight, OP), (OP, in_flight)):
        assert [op.outcome for op in load(written(tmp_path, HEADER, *lines)).ops] == ["ok"]


@pytest.mark.parametrize("other", [OP, {**OP, "process": 1}, {**OP, "completed_ns": 21}])
def test_two_completed_lines_of_one_operation_are_an_error(tmp_path, other):
    with pytest.raises(MalformedHistoryError, match="line 3: operation 0 is there twice"):
        load(written(tmp_path, HEADER, OP, other))


def test_two_faults_with_one_id_are_an_error(tmp_path):
    with pytest.raises(MalformedHistoryError, match="line 3: fault 0 is there twice"):
        load(written(tmp_path, HEADER, FAULT, {**FAULT, "name": "pause"}))


def test_a_torn_last_line_is_dropped_only_while_its_recording_was_open(tmp_path):
    torn = b'{"type":"op","id"'
    with pytest.warns(HistoryWarning, match="torn last line"):
        assert len(load(written(tmp_path, {**HEADER, "recording": True}, OP, torn, end=b"")).ops) == 1
    with pytest.raises(MalformedHistoryError, match="line 3"):
        load(written(tmp_path, HEADER, OP, torn, end=b""))
    with pytest.raises(MalformedHistoryError, match="line 3"):
        load(written(tmp_path, {**HEADER, "recording": True}, OP, torn, EVENT))


def test_what_has_no_json_form_is_refused_with_its_operation():
    with pytest.raises(UsageError, match="operation 4 cannot be recorded"):
        encode(Op(id=4, process=0, name="write", invoked_ns=0, input={1: 2}))  # type: ignore[dict-item]


def test_a_dump_that_fails_leaves_the_old_file(tmp_path):
    path = written(tmp_path, HEADER)
    before = path.read_bytes()
    with pytest.raises(UsageError):
        dump(History(header=Header(run="r", meta={"x": {1: 2}})), path)  # type: ignore[dict-item]
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_hundred_thousand_operations_load_in_seconds(tmp_path):
    """The goal is 1.5 s; the bound here only catches something that is not linear."""
    ops = tuple(
        Op(id=n, process=n % 8, name="write", key=f"k{n}", outcome="ok", invoked_ns=n * 100, completed_ns=n * 100 + 50)
        for n in range(100_000)
    )
    dump(History(header=Header(run="r"), ops=ops), tmp_path / "h")
    began = time.process_time()
    with warnings.catch_warnings(action="error"):
        loaded = load(tmp_path / "h")
    assert time.process_time() - began < 8
    assert loaded.ops == ops


@pytest.mark.parametrize(("at_ns", "counts"), [(4, False), (5, True)])
def test_evidence_from_before_a_fault_is_none_and_is_kept_aside(tmp_path, at_ns, counts):
    path = tmp_path / "history.jsonl"
    evidence = {"source": "probe", "at_ns": at_ns, "detail": "203 ms"}
    lines = (HEADER, {**FAULT, "began_ns": 5, "ended_ns": 9, "evidence": evidence})
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    (fault,) = load(path).faults
    assert (fault.evidence is not None) is counts
    assert dict(fault.extra) == ({} if counts else {"evidence_before_it_began": evidence})
