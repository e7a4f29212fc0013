"""SIGKILL of the recording process at a random instant loses nothing that was recorded."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import warnings

import pytest

from pytest_arbredis.history.jsonl import HistoryWarning, load

CHILD = """
import os, sys, threading
from pathlib import Path
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header

recorder = Recorder(Path(sys.argv[1]), Header(run="r", meta={"filler": "x" * 100}))

def work(process):
    number = 0
    while True:
        number += 1
        token = recorder.begin(process=process, name="write", key=f"k{number}", input="v" * (number * 37 % 900))
        os.write(1, b"b %d\\n" % token.id)
        recorder.complete(token, outcome="ok", output="o" * (number * 91 % 700), node="n1", attempts=1)
        os.write(1, b"c %d\\n" % token.id)
        if number % 50 == 0:
            recorder.note("child", {"text": "n" * (number * 13 % 9000)})

for process in range(4):
    threading.Thread(target=work, args=(process,)).start()
"""


@pytest.mark.parametrize("seed", range(10))
def test_every_operation_that_began_is_on_record_after_sigkill(tmp_path, seed):
    path = tmp_path / "history.jsonl"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        noted = os.read(child.stdout.fileno(), 65536)
        until = time.monotonic() + random.Random(seed).uniform(0.0, 0.3)
        while time.monotonic() < until:
            noted += os.read(child.stdout.fileno(), 65536)
    finally:
        child.send_signal(signal.SIGKILL)
        noted += child.stdout.read()
        child.stdout.close()
        assert child.wait() == -signal.SIGKILL
    begun = {int(line[2:]) for line in noted.splitlines() if line.startswith(b"b ")}
    completed = {int(line[2:]) for line in noted.splitlines() if line.startswith(b"c ")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HistoryWarning)  # a note longer than a page may be torn, at the end
        ops = {op.id: op for op in load(path).ops}
    assert len(begun) > 0
    assert begun <= ops.keys()
    assert all(ops[number].outcome == "ok" and ops[number].completed_ns for number in completed)
    open_ones = [op for op in ops.values() if op.completed_ns is None]
    assert all(op.outcome == "unknown" for op in open_ones)
    assert len(open_ones) <= 4
    assert len(ops) - len(begun) <= 4
