from __future__ import annotations

import threading

import pytest

from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import NOT_SENT, Evidence, Header
from pytest_arbredis.testing.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock(1000)


@pytest.fixture
def recorder(tmp_path, clock):
    return Recorder(tmp_path / "history.jsonl", Header(run="r", seed=3), clock)


def now(recorder):
    """The history as a killed recorder would leave it."""
    return load(recorder.path)


def test_the_file_is_a_history_from_the_start(recorder):
    assert now(recorder).ops == ()
    assert now(recorder).header.extra == {"recording": True}


def test_an_invocation_is_on_record_as_unknown_before_it_completes(recorder, clock):
    token = recorder.begin(process=4, name="write", key="k", input="v", intended_ns=999, meta={"a": 1})
    (op,) = now(recorder).ops
    assert (op.id, op.process, op.name, op.key, op.input, op.meta) == (token.id, 4, "write", "k", "v", {"a": 1})
    assert (op.outcome, op.completed_ns, op.invoked_ns, op.intended_ns) == ("unknown", None, 1000, 999)
    clock.advance(1)
    recorder.complete(
        token,
        outcome="unknown",
        output="OK",
        error="late",
        node="n1",
        attempts=2,
        confirmed=1,
        entered_ns=1001,
        meta={"b": 2},
    )
    (op,) = now(recorder).ops
    assert (op.outcome, op.output, op.error, op.node, op.attempts, op.confirmed) == (
        "unknown",
        "OK",
        "late",
        "n1",
        2,
        1,
    )
    assert (op.completed_ns, op.entered_ns, op.meta) == (1_000_001_000, 1001, {"a": 1, "b": 2})


@pytest.mark.parametrize("size", [0, 200, 450, 600, 1500, 3500, 5000, 20_000])
@pytest.mark.parametrize("answer", [0, 400, 3000, 9000])
def test_lines_of_every_length_stay_loadable_at_every_step(recorder, size, answer):
    for _ in range(3):
        before = len(now(recorder).ops)
        token = recorder.begin(process=token_number(recorder), name="write", key="k", input="x" * size)
        assert [op.outcome for op in now(recorder).ops][before:] == ["unknown"]
        recorder.complete(token, outcome="ok", output="y" * answer)
        recorder.note("test", {"text": "z" * size})
    ops = now(recorder).ops
    assert [(op.outcome, len(op.input), len(op.output)) for op in ops] == [("ok", size, answer)] * 3
    assert recorder.close().ops == ops


def token_number(recorder):
    return recorder.next_id() + 1000


def test_a_fault_is_on_record_with_its_evidence_while_it_is_in_force(recorder, clock):
    token = recorder.fault_began(name="crash", target="primary", nodes=["n0"], params={"a": 1}, began_ns=7)
    (fault,) = now(recorder).faults
    assert (fault.name, fault.target, fault.nodes, fault.began_ns, fault.ended_ns) == (
        "crash",
        "primary",
        ("n0",),
        7,
        None,
    )
    assert fault.evidence is None
    recorder.fault_observed(token, Evidence(source="process table", at_ns=8, detail="gone" * 200))
    assert now(recorder).faults[0].evidence.detail == "gone" * 200
    recorder.fault_ended(token)
    (fault,) = recorder.close().faults
    assert fault.ended_ns == clock.now_ns()
    assert fault.evidence.source == "process table"


def test_events_phases_and_notes_carry_the_time_they_were_recorded_at(recorder, clock):
    recorder.phase("load")
    clock.advance(1)
    recorder.note("somebody", {"said": "hello"})
    recorder.event("sentinel", "s1", {"event": "+sdown"}, at_ns=5)
    history = recorder.close()
    assert [(event.name, event.at_ns) for event in history.events] == [
        ("sentinel", 5),
        ("phase", 1000),
        ("note", 1_000_001_000),
    ]
    assert history.phase_ns("load") == 1000


def test_what_was_planned_but_not_sent_certainly_failed(recorder):
    recorder.not_sent(process=1, name="write", key="k", input="v", intended_ns=9)
    (op,) = recorder.close().ops
    assert (op.outcome, op.error, op.intended_ns, op.sent) == ("fail", NOT_SENT, 9, False)


def test_the_header_can_be_added_to_whatever_its_length(recorder):
    recorder.update_header({"a": 1})
    assert now(recorder).header.meta == {"a": 1}
    recorder.update_header({"long": "x" * 9000})
    assert now(recorder).header.meta == {"a": 1, "long": "x" * 9000}
    assert recorder.close().header.meta == {"a": 1, "long": "x" * 9000}
    assert load(recorder.path).header == Header(run="r", seed=3, meta={"a": 1, "long": "x" * 9000})


def test_a_header_that_begins_long_can_be_added_to(tmp_path):
    recorder = Recorder(tmp_path / "h", Header(run="r", meta={"long": "x" * 9000}))
    recorder.update_header({"a": 1})
    assert now(recorder).header.run == "r"
    assert recorder.close().header.meta["a"] == 1


def test_closing_gives_the_history_that_the_file_holds_compact_and_sorted(recorder):
    tokens = [recorder.begin(process=n, name="write", key=str(n)) for n in range(10)]
    for token in reversed(tokens[3:]):
        recorder.complete(token, outcome="ok")
    history = recorder.close()
    assert [op.outcome for op in history.ops] == ["unknown"] * 3 + ["ok"] * 7
    assert load(recorder.path) == history == recorder.close()
    assert b"  " not in recorder.path.read_bytes()
    assert [path.name for path in recorder.path.parent.iterdir()] == ["history.jsonl"]


def test_what_comes_after_closing_is_dropped_and_harms_nothing(recorder):
    token = recorder.begin(process=0, name="write")
    history = recorder.close()
    recorder.complete(token, outcome="ok")
    recorder.note("late", {})
    assert load(recorder.path) == history


def test_completing_twice_is_an_error(recorder):
    token = recorder.begin(process=0, name="write")
    recorder.complete(token, outcome="ok")
    with pytest.raises(HarnessError, match="completed twice"):
        recorder.complete(token, outcome="ok")


def test_an_output_without_json_form_is_refused_and_leaves_the_operation_unknown(recorder):
    token = recorder.begin(process=0, name="read")
    with pytest.raises(UsageError, match="operation 0 cannot be recorded"):
        recorder.complete(token, outcome="ok", output=object())  # type: ignore[arg-type]
    assert now(recorder).ops[0].outcome == "unknown"


def test_a_recording_never_overwrites_another(recorder):
    with pytest.raises(HarnessError, match="exists"):
        Recorder(recorder.path, Header(run="other"))


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(HarnessError, match=r"nowhere.*cannot be created"):
        Recorder(tmp_path / "nowhere" / "history.jsonl", Header(run="r"))


def test_threads_record_side_by_side_and_nothing_is_lost(tmp_path):
    def work(process):
        for number in range(500):
            token = recorder.begin(process=process, name="write", key=f"{process}:{number}", input="x" * (number % 700))
            recorder.complete(token, outcome="ok", output="y" * (number % 300))

    with Recorder(tmp_path / "history.jsonl", Header(run="r")) as recorder:
        threads = [threading.Thread(target=work, args=(process,)) for process in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    history = load(recorder.path)
    assert {op.key for op in history.ops} == {f"{process}:{number}" for process in range(6) for number in range(500)}
    assert {op.outcome for op in history.ops} == {"ok"}
    assert len({op.id for op in history.ops}) == 3000


@pytest.mark.parametrize("length", range(53, 58))
@pytest.mark.parametrize("answer", range(19, 23))
def test_json_that_just_fits_into_a_record_or_just_does_not_is_read_back(recorder, length, answer):
    """A record holds 64 bytes of `[key,input]` and 24 of `[output]`; longer JSON lies elsewhere."""
    token = recorder.begin(process=0, name="write", input="x" * length)
    recorder.complete(token, outcome="ok", output="y" * answer)
    (op,) = now(recorder).ops
    assert (len(op.input), len(op.output)) == (length, answer)
    assert recorder.close().ops == (op,)
