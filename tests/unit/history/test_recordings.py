"""Recordings as they are found: of processes that joined, damaged, of other versions, on full disks."""

from __future__ import annotations

import os
import resource
import struct
import subprocess
import sys

import pytest

from pytest_arbredis.errors import HarnessError, MalformedHistoryError
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.layout import CHUNK_HEADER, INVOCATION, OUTCOME_AT, RECORD, UNIT
from pytest_arbredis.history.lines import HistoryWarning
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.recording import _Reader
from pytest_arbredis.history.records import Header
from pytest_arbredis.history.whereabouts import recording_of

RECORDS = 2 * UNIT + CHUNK_HEADER.size
"""Where a recorder's first records are: the header, an operation, the text of its name, more operations."""

_JOINING = """
import sys
from pathlib import Path
from pytest_arbredis.history.recorder import Recorder
recorder = Recorder.joined(Path(sys.argv[1]))
recorder.complete(recorder.begin(process=0, name="write", input="theirs"), outcome="ok", node="n0")
recorder.begin(process=1, name="write", input="in flight")
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.jsonl"


@pytest.fixture
def recorder(path):
    return Recorder(path, Header(run="r", seed=3))


def recorded(recorder, number=1):
    for process in range(number):
        recorder.complete(recorder.begin(process=process, name="write", key="k", input="v"), outcome="ok", output="OK")
    return recording_of(recorder.path)


def test_a_run_is_found_by_its_folder_by_its_history_and_by_its_recording(recorder, tmp_path):
    recording = recorded(recorder)
    for place in (tmp_path, recorder.path, recording):
        assert len(load(place).ops) == 1
    recorder.close()
    assert not recording.exists()
    for place in (tmp_path, recorder.path):
        assert len(load(place).ops) == 1


def test_a_closed_history_comes_before_the_recording_that_was_not_removed_yet(recorder, tmp_path):
    content = recorded(recorder).read_bytes()
    recorder.close()
    recording_of(recorder.path).write_bytes(content[: UNIT // 2])
    assert len(load(tmp_path).ops) == 1


def test_a_process_that_joins_has_numbers_of_its_own_and_is_merged(recorder, path):
    recorded(recorder, 2)
    subprocess.run([sys.executable, "-c", _JOINING, str(path)], check=True)
    other = Recorder.joined(path)
    recorded(other)
    other.note("other", {"a": 1})
    for history in (load(path), recorder.close(), load(path)):
        assert [(op.id, op.process) for op in history.ops if op.input == "v"] == [
            (0, 0),
            (1, 1),
            (2_000_000_000, 2_000_000_000),
        ]
        theirs = {op.input: op for op in history.ops if 1_000_000_000 <= op.id < 2_000_000_000}
        assert theirs["theirs"].outcome == "ok"
        assert theirs["in flight"].outcome == "unknown"
        assert history.header.run == "r"
        assert len(history.events) == 1
    assert [one.name for one in path.parent.iterdir()] == ["history.jsonl"]


def test_who_joined_gives_its_own_part_and_leaves_the_rest_to_who_began(recorder, path):
    recorded(recorder, 2)
    with Recorder.joined(path) as other:
        recorded(other, 3)
    assert len(other.close().ops) == 3
    assert not path.exists()
    assert len(recorder.close().ops) == 5


def test_what_is_joined_must_have_begun_and_not_be_closed(recorder, path):
    with pytest.raises(HarnessError, match="nothing is recorded"):
        Recorder.joined(path.with_name("other.jsonl"))
    recorder.close()
    with pytest.raises(HarnessError, match="nothing is recorded"):
        Recorder.joined(path)


def test_a_file_of_another_recording_is_left_out_with_a_warning(recorder, path, tmp_path):
    recorded(recorder)
    (tmp_path / "other").mkdir()
    other = Recorder(tmp_path / "other" / "h.jsonl", Header(run="other"))
    recorded(other).rename(tmp_path / "history.arbrec.1")
    with pytest.warns(HistoryWarning, match="of another recording"):
        assert len(load(path).ops) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_records_into_a_file_of_its_own(recorder, path):
    recorded(recorder, 2)
    token = recorder.begin(process=5, name="write", input="of the parent")
    child = os.fork()
    if not child:
        try:
            recorded(recorder, 3)
            recorder.complete(token, outcome="fail", node="child")
            os._exit(len(recorder.close().ops))
        finally:
            os._exit(100)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3
    assert not path.exists()
    recorder.complete(token, outcome="ok")
    history = recorder.close()
    assert len(history.ops) == 6
    assert len({op.id for op in history.ops}) == 6
    assert [op.outcome for op in history.ops] == ["ok"] * 6


def test_two_recorders_of_one_path_are_refused(recorder):
    with pytest.raises(HarnessError, match=r"history\.arbrec exists: a recording never overwrites one"):
        Recorder(recorder.path, Header(run="other"))
    assert len(list(recorder.path.parent.iterdir())) == 1


@pytest.mark.parametrize("kept", [0, 10, 40, UNIT - 1, UNIT + 100, 3 * UNIT + 5])
def test_a_truncated_recording_is_refused(recorder, kept):
    recording = recorded(recorder)
    os.truncate(recording, kept)
    with pytest.raises(MalformedHistoryError, match=r"truncated|killed before it recorded anything"):
        load(recording)


@pytest.mark.parametrize(
    ("at", "data", "what"),
    [
        (0, b"not ours", "no recording of a history"),
        (8, struct.pack("=I", 0x04030201), "another byte order"),
        (12, struct.pack("=I", 9), "version is 9; this arbredis reads version 2"),
        (2 * UNIT + 8, b"\x09", "no chunk"),
        (2 * UNIT, struct.pack("=q", UNIT * 1000), "no chunk"),
        (RECORDS + RECORD.size + 32, struct.pack("=q", 2**40), r"operation 0 is damaged .* outside of the file"),
        (RECORDS + RECORD.size + 44, struct.pack("=I", 77), "operation 0 is damaged"),
        (RECORDS + RECORD.size + OUTCOME_AT, b"\x07", "operation 0 is damaged"),
        (UNIT + 16, b"\xff\xff", "is damaged"),
    ],
)
def test_a_recording_that_no_recorder_leaves_behind_is_refused(recorder, at, data, what):
    recording = recorded(recorder)
    with recording.open("r+b") as file:
        file.seek(at)
        file.write(data)
    with pytest.raises(MalformedHistoryError, match=what):
        load(recorder.path)


@pytest.mark.parametrize("written", range(0, RECORD.size, 4))
def test_a_record_that_was_written_in_part_is_not_there_or_in_flight(recorder, written):
    """What a processor that stops between two stores leaves: the first bytes of a record, in order."""
    recording = recorded(recorder, 2)
    at = RECORDS + 3 * RECORD.size
    with recording.open("r+b") as file:
        file.seek(at + written)
        file.write(bytes(RECORD.size - written))
    ops = load(recorder.path).ops
    assert ops[0].outcome == "ok"
    if written <= INVOCATION.size - 8:
        assert len(ops) == 1
    elif written <= RECORD.size - 4:
        assert (ops[1].input, ops[1].outcome, ops[1].completed_ns, ops[1].output) == ("v", "unknown", None, None)


def test_overlapping_operations_of_a_process_are_named(recorder):
    recorder.begin(process=1, name="write")
    recorder.begin(process=1, name="write")
    with pytest.raises(MalformedHistoryError, match=r"operation 1 of process 1 .* one operation at a time"):
        load(recorder.path)


def test_what_the_file_grew_by_while_it_was_read_is_read_too(recorder, path):
    """A record in an early chunk may point to JSON that came after the reader looked how long the file is."""
    recorder.complete(recorder.begin(process=0, name="write", key="k", input="v"), outcome="ok")
    with _Reader(recording_of(path)) as reader:
        for process in range(8):
            recorder.complete(recorder.begin(process=process, name="write", key="k", input="x" * 300_000), outcome="ok")
        assert [len(op.input) for op in reader.records() if hasattr(op, "input")] == [1, *[300_000] * 8]


def test_a_value_longer_than_any_chunk_is_recorded(recorder):
    long = "x" * (20 * 1024 * 1024)
    token = recorder.begin(process=0, name="write", input=long)
    recorder.complete(token, outcome="ok", output=long[:-1])
    (op,) = recorder.close().ops
    assert op.input == long
    assert op.output == long[:-1]


_ON_A_FULL_DISK = """
import resource, sys
from pathlib import Path
from pytest_arbredis.errors import HarnessError
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
recorder = Recorder(Path(sys.argv[1]), Header(run="r"))
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, resource.RLIM_INFINITY))
number = 0
try:
    while True:
        token = recorder.begin(process=number, name="write", input="v" * 500)
        number += 1
        recorder.complete(token, outcome="ok", output="o" * 100)
except HarnessError as error:
    assert "cannot grow" in str(error) and "remedy" in str(error), error
found = load(Path(sys.argv[1])).ops
assert number - 1 <= len(found) <= number + 1 and number > 1000, (number, len(found))
assert all(op.outcome == "ok" for op in found[:number - 1])
print("told")
"""


def test_a_full_disk_is_an_error_where_the_file_grows_and_loses_nothing(path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", _ON_A_FULL_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "told\n"), done.stderr


def test_space_is_allocated_where_the_file_system_cannot_do_it_by_itself(path, monkeypatch):
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    recording = recorded(Recorder(path, Header(run="r")), 3000)
    assert recording.stat().st_blocks * 512 >= recording.stat().st_size
    assert len(load(path).ops) == 3000


def test_the_space_of_a_recording_is_really_allocated(recorder):
    recording = recorded(recorder, 3000)
    assert recording.stat().st_blocks * 512 >= recording.stat().st_size > 0
