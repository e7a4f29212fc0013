"""What a waiting thread takes for a stall of the machine, and what not."""

from __future__ import annotations

import threading
import time

from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.protocol import Endpoints
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.stalls import BOUND_NS, MOST, StallWitness
from pytest_arbredis.load.workloads import unique_writes
from pytest_arbredis.testing.clock import ManualClock
from pytest_arbredis.testing.fake_subject import FakeSubject


def test_a_gap_from_the_bound_on_is_a_stall():
    witness = StallWitness()
    witness.waiting(0)
    witness.gap(1000, 1000 + BOUND_NS - 1)
    witness.gap(5000, 5000 + 4 * BOUND_NS)
    witness.waited(9000)
    assert witness.noted == {"kind": "stalls", "bound_ms": 0.25, "waited_ns": 9000, "stalls": [[5000, 4 * BOUND_NS]]}


def test_time_that_another_thread_of_this_process_used_is_no_stall():
    """It may be the subject's own: nothing that it does excuses it."""
    used = threading.Event()

    def burn():
        until = time.thread_time_ns() + 20_000_000
        while time.thread_time_ns() < until:
            pass
        used.set()

    witness = StallWitness()
    witness.waiting(0)
    thread = threading.Thread(target=burn)
    thread.start()
    assert used.wait(30)
    witness.gap(0, 20_000_000)
    thread.join()
    assert witness.stalls == []


def test_the_number_of_stalls_that_are_kept_is_bounded():
    witness = StallWitness()
    witness.waiting(0)
    for number in range(MOST + 5):
        witness.gap(number * 10 * BOUND_NS, (number * 10 + 5) * BOUND_NS)
    assert len(witness.stalls) == MOST


def test_a_load_without_a_noise_floor_has_no_witness(tmp_path):
    clock = ManualClock()
    recorder = Recorder(tmp_path / "history.jsonl", Header(run="r"), clock)
    nowhere = Endpoints(primary=("127.0.0.1", 1))
    run_load(unique_writes(100, 1), FakeSubject(), nowhere, recorder, seed=1, seconds=1, run="r", clock=clock)
    assert recorder.close().events_named("note") == ()
