"""A subject with a breaker: its transitions are events of the history, its calls say when they were let in."""

from __future__ import annotations

from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.protocol import Answer, Endpoints
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.workloads import unique_writes
from pytest_arbredis.testing.clock import ManualClock


class Subject:
    """A session that opens its breaker with the second call."""

    name = "guarded"

    def __init__(self, clock):
        self.clock = clock

    def open(self, endpoints):  # noqa: ARG002
        return self

    def report_breaker_to(self, moved):
        self.moved = moved

    def apply(self, op):
        if op.id:
            self.moved({"id": "b", "seq": op.id, "from": "closed", "to": "open", "cause": "failures"})
            return Answer(outcome="fail", error="BreakerOpen: not let in")
        return Answer(output="OK", entered_ns=self.clock.now_ns())

    def close(self):
        pass


def test_transitions_are_events_and_calls_say_when_they_were_let_in(tmp_path):
    clock = ManualClock()
    recorder = Recorder(tmp_path / "history.jsonl", Header(run="r"), clock)
    nowhere = Endpoints(primary=("127.0.0.1", 1))
    run_load(unique_writes(2, 1), Subject(clock), nowhere, recorder, seed=1, seconds=1, run="r", clock=clock)
    history = recorder.close()
    (event,) = history.events_named("breaker")
    assert (event.source, event.data["to"], event.at_ns) == ("client 0", "open", history.ops[1].invoked_ns)
    let_in, rejected = history.ops
    assert let_in.entered_ns == let_in.invoked_ns
    assert (rejected.entered_ns, rejected.outcome) == (None, "fail")
