from __future__ import annotations

import gc
import sys
import threading
from dataclasses import dataclass, field

import pytest
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import ReadOnlyError

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.history.jsonl import load
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import NOT_SENT, Header
from pytest_arbredis.load.protocol import Answer, Endpoints
from pytest_arbredis.load.runner import Progress, run_load
from pytest_arbredis.load.workloads import increments, unique_writes
from pytest_arbredis.testing.clock import ManualClock
from pytest_arbredis.testing.fake_subject import FakeSubject

NOWHERE = Endpoints(primary=("127.0.0.1", 1))


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def recorder(tmp_path, clock):
    return Recorder(tmp_path / "history.jsonl", Header(run="r"), clock)


def run(recorder, subject, workload=None, *, clock=None, seconds=2.0, **more):
    report = run_load(
        workload or unique_writes(100, 4),
        subject,
        NOWHERE,
        recorder,
        seed=1,
        seconds=seconds,
        run="r",
        clock=clock or recorder.clock,
        **more,
    )
    return report, recorder.close()


def slow(clock, seconds, every=1):
    """An operation that takes `seconds`, one in `every`."""

    def meets(op):
        if op.id % every == 0:
            clock.sleep(seconds)

    return meets


@dataclass
class Failing:
    """A subject that raises `error` whenever its session is used, after `sends` sends."""

    error: BaseException
    sends: int | None = 1
    when: set[int] = field(default_factory=set)
    name: str = "failing"

    def open(self, endpoints):  # noqa: ARG002
        session = (
            type("Counting", (Session,), {"attempts": self.sends, "tried": ("a", "b")})
            if self.sends is not None
            else Session
        )
        return session(self)


class Session:
    def __init__(self, subject):
        self.subject = subject

    def apply(self, op):
        if not self.subject.when or op.id in self.subject.when:
            raise self.subject.error
        return "OK"

    def close(self):
        pass


def test_a_right_subject_answers_everything_at_the_time_it_was_wanted(recorder):
    report, history = run(recorder, FakeSubject())
    assert (report.planned, report.ok, report.fail, report.unknown, report.not_sent) == (200, 200, 0, 0, 0)
    assert (report.retired, report.hung) == (0, ())
    assert all(op.invoked_ns == op.intended_ns for op in history.ops)
    assert {op.process for op in history.ops} == {0, 1, 2, 3}
    assert {(op.attempts, op.node, op.output) for op in history.ops} == {(1, "fake", "OK")}


def test_one_seed_gives_one_history(tmp_path):
    def history(name):
        clock = ManualClock()
        recorder = Recorder(tmp_path / name, Header(run="r"), clock)
        ops = run(recorder, FakeSubject(), unique_writes(100, 4, 0.4))[1].ops
        return sorted((op.invoked_ns, op.process, op.name, op.key, str(op.output)) for op in ops)

    assert history("a") == history("b")


def test_a_late_operation_keeps_the_time_it_was_intended_for(recorder, clock):
    stall = threading.Event()

    def meets(_):
        if not stall.is_set():
            stall.set()
            clock.sleep(1)

    report, history = run(recorder, FakeSubject(meets=meets), unique_writes(10, 1))
    assert report.ok == 20
    assert [op.intended_ns - report.began_ns for op in history.ops] == [n * 100_000_000 for n in range(20)]
    late = [op.invoked_ns - op.intended_ns for op in history.ops]
    assert late[1:4] == [900_000_000, 800_000_000, 700_000_000]
    assert late[12] == 0


def test_what_is_planned_when_the_load_ends_is_recorded_as_not_sent(recorder, clock):
    report, history = run(recorder, FakeSubject(meets=slow(clock, 0.3)), unique_writes(10, 1))
    assert report.planned == 20 == report.ok + report.not_sent
    assert report.not_sent == 13
    assert [op.error for op in history.ops if not op.sent] == [NOT_SENT] * 13
    assert len({op.intended_ns for op in history.ops}) == 20


def test_a_load_can_be_stopped_early_and_says_what_it_did_not_send(recorder):
    stop = threading.Event()

    def meets(op):
        if op.id >= 50:
            stop.set()

    report, history = run(recorder, FakeSubject(meets=meets), stop=stop)
    assert 50 <= report.ok <= 55
    assert report.ok + report.not_sent == 200 == len(history.ops)


def test_an_unknown_operation_retires_its_process(recorder):
    report, history = run(recorder, Failing(LostError("Connection closed by server."), when={10, 30}))
    assert (report.unknown, report.retired) == (2, 2)
    lost = [op for op in history.ops if op.outcome == "unknown"]
    assert {op.meta["tried"][0] for op in lost} == {"a"}
    for op in lost:
        assert all(other.process != op.process for other in history.ops if other.invoked_ns > op.invoked_ns)
    assert {op.process for op in history.ops} == set(range(6))


@pytest.mark.parametrize(("sends", "outcome"), [(1, "fail"), (2, "unknown"), (None, "unknown")])
def test_a_refusal_is_certain_only_after_one_counted_send(recorder, sends, outcome):
    _, history = run(recorder, Failing(ReadOnlyError("no"), sends), unique_writes(10, 1))
    assert {(op.outcome, op.attempts, op.error) for op in history.ops} == {(outcome, sends, "ReadOnlyError: no")}


def test_too_few_confirmations_are_unknown_but_applied_and_keep_the_process(recorder):
    class Subject(FakeSubject):
        def open(self, endpoints):  # noqa: ARG002
            return type(
                "S", (), {"apply": lambda *_: Answer(output="OK", confirmed=1, wanted=2), "close": lambda _: None}
            )()

    report, history = run(recorder, Subject(), unique_writes(10, 1))
    assert (report.unknown, report.retired) == (20, 0)
    assert all(op.applied and op.confirmed == 1 and op.attempts is None for op in history.ops)


@pytest.mark.parametrize("error", [ValueError("surprise"), OSError(28, "full"), SystemExit(3)])
def test_an_error_that_the_table_does_not_list_ends_the_load_and_is_raised(recorder, error):
    with pytest.raises(HarnessError, match="failing raised") as caught:
        run(recorder, Failing(error, when={20}))
    assert caught.value.__cause__ is error
    history = load(recorder.path)
    assert [op.outcome for op in history.ops if op.id == 20] == ["unknown"]
    assert len(history.ops) < 40


def test_misuse_by_a_session_is_a_usage_error(recorder):
    with pytest.raises(UsageError, match="unknown operation 'x'"):
        run(recorder, Failing(UsageError.unknown("operation", "x", ["y"])))


def test_a_session_that_cannot_be_opened_ends_the_load_before_it_begins(recorder):
    class Subject(FakeSubject):
        def open(self, endpoints):  # noqa: ARG002
            raise LostError("refused")

    with pytest.raises(HarnessError, match=r"raised ConnectionError before the load began: refused"):
        run(recorder, Subject())
    assert load(recorder.path).ops == ()


def test_a_thread_that_hangs_is_left_behind_and_reported(tmp_path):
    recorder = Recorder(tmp_path / "h", Header(run="r"))
    release = threading.Event()

    def meets(op):
        if op.key == "arbredis:r:1:2":
            release.wait()

    try:
        report, history = run(recorder, FakeSubject(meets=meets), unique_writes(100, 2), seconds=0.2, grace_s=0.2)
    finally:
        release.set()
    assert report.hung == (1,)
    hung = [op for op in history.ops if op.completed_ns is None]
    assert [(op.key, op.outcome) for op in hung] == [("arbredis:r:1:2", "unknown")]
    assert len(history.ops) == report.planned == 20
    assert report.not_sent == 7
    threads = [thread for thread in threading.enumerate() if thread.name == "arbredis-client-1"]
    wait_until(lambda: not any(thread.is_alive() for thread in threads), within_s=5, what="the hung thread to end")
    assert load(recorder.path) == history


def test_progress_can_be_read_while_the_load_runs(recorder):
    progress = Progress()
    seen = []

    def meets(_):
        seen.append((progress.is_running, progress.ok, progress.planned))

    run(recorder, FakeSubject(meets=meets), increments(100, 1), progress=progress)
    assert seen == [(True, n, 200) for n in range(200)]
    assert (progress.is_running, progress.ok, progress.fail, progress.unknown) == (False, 200, 0, 0)


def test_switch_interval_and_collector_are_as_they_were_afterwards(recorder):
    before = sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()
    during = []

    def look(_):
        if not during:  # once: what is frozen is counted one by one
            during.append((sys.getswitchinterval(), gc.get_freeze_count() > 0))

    run(recorder, FakeSubject(meets=look))
    assert (sys.getswitchinterval(), gc.isenabled(), gc.get_freeze_count()) == before
    assert during[0] == (pytest.approx(0.0005), True)
