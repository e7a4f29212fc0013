"""A program that speaks JSON lines, and every way in which it may not; without a server."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager

import pytest

from pytest_arbredis import subjects
from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation, Reports
from pytest_arbredis.load.runner import run_load
from pytest_arbredis.load.workloads import unique_writes
from pytest_arbredis.subjects.pipes import LONGEST_LINE

ENDPOINTS = Endpoints(primary=("127.0.0.1", 7001), sentinels=(("127.0.0.1", 7002),), nodes={("127.0.0.1", 7001): "n0"})
EACH = "import json, os, sys, time\nfor line in sys.stdin:\n    op = json.loads(line)\n"
SAY = "    print(json.dumps({'id': op['id'], **answer}), flush=True)\n"


def bot(body, **settings):
    return subjects.process([sys.executable, "-I", "-S", "-c", body], **settings)


@contextmanager
def session_of(subject):
    session = subject.open(ENDPOINTS)
    try:
        yield session
    finally:
        session.close()


def ask(session, number=0, name="write", input="v"):
    return session.apply(Invocation(id=number, name=name, key="k", input=input))


@pytest.mark.parametrize(
    ("said", "outcome", "error"),
    [
        ("{'output': 'OK'}", "ok", None),
        ("{'outcome': 'ok'}", "ok", None),
        ("{'outcome': 'fail', 'error': 'READONLY'}", "fail", "READONLY"),
        ("{'outcome': 'unknown', 'error': 'timed out'}", "unknown", "timed out"),
        ("{'output': 1, 'error': 'timed out'}", "unknown", "timed out"),
        ("{}", "unknown", "the program answered unknown, and not why"),
    ],
)
def test_an_answer_says_what_became_of_the_operation(said, outcome, error):
    with session_of(bot(f"{EACH}    answer = {said}\n{SAY}")) as session:
        answer = ask(session)
        assert (answer.outcome, answer.error) == (outcome, error)


def test_the_program_gets_the_operation_and_the_environment_of_the_topology():
    names = ("REDIS_URL", "REDIS_SENTINELS", "MINE")
    body = f"{EACH}    answer = {{'output': [op, *(os.environ[name] for name in {names})]}}\n{SAY}"
    with session_of(bot(body, env={"MINE": "yes"})) as session:
        op, *env = ask(session, 3).output
    assert op == {"id": 3, "name": "write", "key": "k", "input": "v"}
    assert env == ["redis://127.0.0.1:7001/0", "127.0.0.1:7002", "yes"]


def test_node_attempts_and_confirmations_are_told_by_the_program():
    told = {"outcome": "ok", "node": "127.0.0.1:7001", "attempts": 2, "confirmed": 1, "wanted": 2}
    body = f"{EACH}    answer = {told}\n{SAY}"
    with session_of(bot(body)) as session:
        assert ask(session) == Answer(outcome="ok", node="n0", attempts=2, confirmed=1, wanted=2)


@pytest.mark.parametrize(
    ("printed", "why"),
    [
        ("Traceback (most recent call last):", "is no JSON: 'Traceback"),
        ("[1]", "is no JSON object"),
        ("{}", "has no whole number as id"),
        ('{"id": 0, "outcome": "maybe"}', "has the outcome 'maybe'"),
        ('{"id": 0, "outcome": "ok", "confirmed": -1}', "has confirmed -1"),
        ('{"id": 7}', "answers 7, which was not asked now"),
    ],
)
def test_garbage_is_unknown_and_names_the_line(printed, why):
    with session_of(bot(f"{EACH}    print({printed!r}, flush=True)\n")) as session:
        for line in (1, 2):
            answer = ask(session)
            assert answer.outcome == "unknown"
            assert answer.error is not None
            assert answer.error.startswith(f"line {line} of its standard output {why}")


def test_a_late_answer_is_not_taken_for_the_next_one():
    body = f"{EACH}    time.sleep(0.4 if op['id'] == 0 else 0)\n    answer = {{'output': op['id']}}\n{SAY}"
    with session_of(bot(body, deadline_s=0.25)) as session:
        late = ask(session, 0)
        assert (late.outcome, late.error) == ("unknown", "no answer within 0.25 s")
        wait_until(lambda: ask(session, 1).output == 1, within_s=5, what="an answer in time")


def test_a_program_that_never_reads_gets_a_deadline_and_then_is_not_asked():
    with session_of(bot("import time\ntime.sleep(60)", deadline_s=0.1)) as session:
        answers = [ask(session, number, input="x" * 40_000) for number in range(3)]
    assert [answer.outcome for answer in answers] == ["unknown", "unknown", "fail"]
    assert answers[2].error == "not asked: it reads nothing for 0.1 s"


def died(session, remarks):
    session.report_to(remarks.append)
    assert isinstance(session, Reports)
    assert ask(session, 0).outcome == "ok"
    lost = ask(session, 1)
    assert lost.outcome == "unknown"
    wait_until(lambda: remarks, within_s=5, what="a remark on the death")
    return lost


DIES = (
    f"{EACH}    answer = {{'output': 1}}\n"
    f"    if op['id'] == 1: print('redis://:secret@h out of luck', file=sys.stderr); sys.exit(7)\n{SAY}"
)


def test_death_is_an_event_and_nothing_is_asked_any_more():
    remarks = []
    with session_of(bot(DIES)) as session:
        lost = died(session, remarks)
        assert "it ended with status 7; it said: redis://:***@h out of luck" in lost.error
        after = ask(session, 2)
    assert (after.outcome, after.error.startswith("not asked: it ended with status 7")) == ("fail", True)
    assert [(remark["kind"], remark["status"]) for remark in remarks] == [("subject-died", 7)]


def test_it_is_started_again_where_that_is_wanted():
    remarks = []
    with session_of(bot(DIES, restarts=True)) as session:
        died(session, remarks)
        assert ask(session, 2).outcome == "ok"
    assert [remark["kind"] for remark in remarks] == ["subject-died", "subject-started-again"]


def test_being_killed_is_told_as_a_signal():
    remarks = []
    with session_of(bot(f"{EACH}    answer = {{'output': os.getpid()}}\n{SAY}")) as session:
        session.report_to(remarks.append)
        os.kill(ask(session).output, signal.SIGKILL)
        wait_until(lambda: remarks, within_s=5, what="a remark on the death")
        assert "signal SIGKILL" in ask(session, 1).error
    assert remarks[0]["status"] == -9


@pytest.mark.parametrize("argv", [["/no/such/bot"], ["/etc/passwd"]])
def test_what_cannot_be_started_is_a_usage_error(argv):
    with pytest.raises(UsageError, match="cannot be started"):
        subjects.process(argv).open(ENDPOINTS)


def test_a_program_that_ends_before_its_first_answer_is_a_usage_error():
    with (
        session_of(bot("import nothing_of_that_name")) as session,
        pytest.raises(
            UsageError, match=r"ended before its first answer: it ended with status 1; it said: .*nothing_of"
        ),
    ):
        ask(session)


def test_a_line_without_end_is_not_kept():
    body = f"{EACH}    sys.stdout.write('x' * {LONGEST_LINE + 100_000}); sys.stdout.flush()\n"
    with session_of(bot(body)) as session, pytest.raises(UsageError, match="ended before its first answer"):
        ask(session)


def test_saying_that_it_is_ready_is_waited_for():
    ready = "print('{\"ready\": true}', flush=True)\n"
    with session_of(bot(f"{ready}{EACH}    answer = {{'output': 1}}\n{SAY}", says_ready=True)) as session:
        assert ask(session).output == 1
    with pytest.raises(UsageError, match="did not say that it is ready"):
        bot("print('hello')", says_ready=True).open(ENDPOINTS)


@pytest.mark.parametrize("argv", ["python bot.py", [], [""]])
def test_an_argv_that_is_none_is_refused_at_definition(argv):
    with pytest.raises(UsageError, match="argv is"):
        subjects.process(argv)


def test_closing_ends_even_what_heeds_nothing():
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nwhile True: time.sleep(60)"
    with session_of(bot(stubborn)) as session:
        pid = session._bot.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_load_records_what_the_program_answered(tmp_path):
    body = (
        f"{EACH}    answer = {{'output': 'OK', 'node': 'n0'}}\n"
        f"    if op['id'] % 10 == 3: answer = {{'outcome': 'unknown', 'error': 'lost'}}\n{SAY}"
    )
    recorder = Recorder(tmp_path / "history.jsonl", Header(run="r"))
    report = run_load(unique_writes(100, 2), bot(body), ENDPOINTS, recorder, seed=1, seconds=0.5, run="r")
    history = recorder.close()
    assert (report.ok, report.unknown, report.retired) == (45, 5, 5)
    assert {op.error for op in history.ops if op.outcome == "unknown"} == {"lost"}
    assert {op.node for op in history.ops if op.outcome == "ok"} == {"n0"}
