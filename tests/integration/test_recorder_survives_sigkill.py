"""SIGKILL of the recording processes at a random instant loses nothing that was recorded, and accuses nobody.

A recorder with three threads and a process of two that joined it write and read registers of their own. The store is
a pipe to this test, which outlives them: what is in it was applied.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from pytest_arbredis.checkers.api import acknowledged_writes_survive, linearizable_register
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.history import History
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.records import Event, Op

CHILD = """
import os, subprocess, sys, threading
from pathlib import Path
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header

path = Path(sys.argv[1])
joins = len(sys.argv) > 2
recorder = Recorder.joined(path) if joins else Recorder(path, Header(run="r", meta={"filler": "x" * 100}))

def say(*words):
    os.write(1, " ".join(map(str, words)).encode() + b"\\n")

def work(process):
    key = f"k{joins}{process}"
    number = 0
    while True:
        number += 1
        value = f"{process}-{number}" + "v" * (number * 37 % 300)
        token = recorder.begin(process=process, name="write", key=key, input=value)
        say("begun", token.id)
        say("applied", key, value)
        filler = {"filler": "o" * (number % 700)}
        recorder.complete(token, outcome="ok", output="OK", node="n1", attempts=1, meta=filler)
        say("completed", token.id)
        token = recorder.begin(process=process, name="read", key=key)
        recorder.complete(token, outcome="ok", output=value, node=f"n{number % 5}")
        if number % 50 == 0:
            recorder.note("child", {"text": "n" * (number * 1013 % 90000)})

if joins:
    os.write(2, b"joined\\n")
else:
    joined = subprocess.Popen([sys.executable, __file__, str(path), "joins"], stderr=subprocess.PIPE)
    assert joined.stderr.readline() == b"joined\\n"
for process in range(2 if joins else 3):
    threading.Thread(target=work, args=(process,)).start()
"""


def recorded_until_killed(tmp_path, seconds):
    """What the processes said until they were killed so long after the second one began."""
    (tmp_path / "child.py").write_text(CHILD)
    child = subprocess.Popen(
        [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "history.jsonl")],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    pipe = child.stdout.fileno()
    said = b""
    try:
        while b"kTrue" not in said or b"kFalse" not in said:
            piece = os.read(pipe, 65536)
            assert piece, said
            said += piece
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            said += os.read(pipe, 65536)
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        said += child.stdout.read()
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
    return [line.split() for line in said.decode().splitlines()]


def with_final_reads(history, said):
    """The history with reads of what the store holds in the end."""
    store = {line[1]: line[2] for line in said if line[0] == "applied" and len(line) == 3}
    late = max(op.completed_ns or op.invoked_ns for op in history.ops) + 1_000_000
    reads = [
        Op(
            id=-number,
            process=-1,
            name="read",
            key=key,
            output=value,
            outcome="ok",
            invoked_ns=late + 10 * number,
            completed_ns=late + 10 * number + 5,
            meta={"final": True},
        )
        for number, (key, value) in enumerate(store.items(), 1)
    ]
    settled = Event(name="phase", source="harness", at_ns=late, data={"phase": "settled"})
    return History.of(replace(history.header, model="register"), [*history.ops, *history.events, settled, *reads])


@pytest.mark.parametrize("seed", range(20))
def test_what_had_begun_is_on_record_after_sigkill_and_accuses_nobody(tmp_path, seed):
    said = recorded_until_killed(tmp_path, random.Random(seed).uniform(0.0, 0.1))
    begun = {int(line[1]) for line in said if line[0] == "begun"}
    completed = {int(line[1]) for line in said if line[0] == "completed"}
    history = load(tmp_path)
    ops = {op.id: op for op in history.ops}
    assert begun <= ops.keys()
    assert {number >= 1_000_000_000 for number in begun} == {False, True}
    assert all(ops[number].outcome == "ok" and ops[number].completed_ns for number in completed)
    in_flight = [op for op in ops.values() if op.completed_ns is None]
    assert all(op.outcome == "unknown" for op in in_flight)
    assert len(in_flight) <= 5
    judged = with_final_reads(history, said)
    assert acknowledged_writes_survive()(judged).verdict is Verdict.VALID
    assert linearizable_register()(judged).verdict is Verdict.VALID
