"""The guard of a black box: histories in which the bot did too little for any verdict, and one where it did enough."""

from __future__ import annotations

import pytest

from pytest_arbredis import checks, seen
from pytest_arbredis._clock import NS_PER_MS
from pytest_arbredis.checkers.black_box import BlackBoxGuard
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Event, Evidence, FaultRecord, Header, Op

BOT = "127.0.0.1:5000"


def note(at_ms, **data):
    return Event(name="note", source="n0", at_ns=int(at_ms * NS_PER_MS), data=data)


def command(at_ms, name="SET", node="n0", client=BOT):
    return note(at_ms, kind="command", node=node, client=client, words=[name, "k", "v"])


def open_at(at_ms, *clients, node="n0"):
    return note(at_ms, kind="connections", node=node, clients=list(clients))


def history(*events, fault=(100, 200), observed=True, read=True, settled=True):
    began, ended = (int(at * NS_PER_MS) for at in fault)
    evidence = Evidence(source="probe", at_ns=began, detail="down") if observed else None
    phases = [Event(name="phase", source="harness", at_ns=400 * NS_PER_MS, data={"phase": "settled"})] * settled
    at = 500 * NS_PER_MS
    final = Op(
        id=1,
        process=9,
        name="read",
        key="k",
        output="v",
        invoked_ns=at,
        completed_ns=at,
        outcome="ok",
        meta={"final": True},
    )
    crash = FaultRecord(
        id=0, name="down", target="primary", nodes=("n0",), began_ns=began, ended_ns=ended, evidence=evidence
    )
    return History.of(Header(run="r"), [*events, *phases, crash, *([final] if read else [])])


BEFORE = [open_at(5, BOT), *(command(at) for at in range(10, 100, 10))]
CUT = [open_at(105), open_at(250, "127.0.0.1:5001")]
AFTER = [command(at, client="127.0.0.1:5001") for at in range(260, 300, 10)]
GUARD = BlackBoxGuard(faults=("down",))


def test_a_bot_whose_connection_was_cut_and_that_came_back_counts():
    finding = GUARD(history(*BEFORE, *CUT, *AFTER))
    assert finding.verdict is Verdict.VALID, finding.lines
    assert finding.figures["met"] == {"down 0": "1 connections cut or silent"}


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (history(), "the servers saw no command of the bot"),
        (history(*(command(at, name="PING") for at in range(10, 300, 10))), "the servers saw no command of the bot"),
        (history(*AFTER), "the servers saw no command of the bot before the first fault"),
        (history(*BEFORE, *CUT), "the servers saw no command of the bot after healing"),
        (history(*BEFORE, *CUT, *AFTER, observed=False), "down on n0 was not observed"),
        (history(*BEFORE, *AFTER, open_at(96)), "nothing that the servers saw of the bot met down on n0"),
        (
            history(open_at(5, BOT), *(command(at, node="n1") for at in range(10, 300, 10))),
            "nothing that the servers saw",
        ),
        (history(*BEFORE, *CUT, *AFTER, read=False), "there was no final read"),
        (history(*BEFORE, *CUT, *AFTER, settled=False), "the topology never settled"),
        (
            history(*BEFORE, *CUT, *AFTER, note(250, kind="subject-died", status=1, said=[])),
            "the bot died with status 1",
        ),
        (history(*BEFORE, *CUT, *AFTER, note(600, kind="not-read-back", why="3 of 9")), "not everything was read back"),
    ],
)
def test_what_the_bot_did_not_do_is_named(found, why):
    finding = GUARD(found)
    assert finding.verdict is Verdict.UNKNOWN
    assert any(line.startswith(why) for line in finding.lines), finding.lines


def test_a_fault_that_was_never_injected_is_missed():
    assert "crash is on record 0 of 1 times" in BlackBoxGuard(faults=("crash",))(history(*BEFORE, *CUT, *AFTER)).lines


def test_commands_under_the_fault_count_and_so_does_a_flow_that_stopped():
    under = GUARD(history(*BEFORE, command(150), *AFTER))
    assert under.figures["met"] == {"down 0": "1 connections cut or silent, 1 commands there"}
    stopped = GUARD(history(*BEFORE, *AFTER))
    assert stopped.figures["met"] == {"down 0": "1 connections cut or silent"}


def test_a_slow_bot_that_had_nothing_to_say_meanwhile_was_not_silenced():
    slow = [open_at(5, BOT), *(command(at) for at in (10, 30, 40, 50, 90))]
    assert GUARD(history(*slow, *AFTER, fault=(100, 150))).figures["met"] == {"down 0": ""}


def test_commands_are_seen_or_not():
    found = history(*BEFORE, command(20, name="GET"))
    assert checks.commands_seen("GET")(found).verdict is Verdict.VALID
    assert checks.commands_seen("get", at_least=2)(found).verdict is Verdict.UNKNOWN
    assert checks.commands_seen(at_least=10)(found).verdict is Verdict.VALID
    assert len(seen.commands(found)) == 10


@pytest.mark.parametrize(
    ("told", "verdict"),
    [
        ("", Verdict.VALID),
        (True, Verdict.VALID),
        ("7 twice", Verdict.INVALID),
        (False, Verdict.INVALID),
        (None, Verdict.UNKNOWN),
    ],
)
def test_an_invariant_is_what_its_function_says(told, verdict):
    finding = checks.invariant("holds", lambda _: told)(history(*BEFORE))
    assert (finding.claim, finding.verdict) == ("holds", verdict)


def test_an_invariant_judges_what_was_read_back():
    assert checks.invariant("k", lambda found: seen.contents(found) == {"k": "v"})(history()).verdict is Verdict.VALID


@pytest.mark.parametrize("wrong", [lambda: checks.invariant("no name", bool), lambda: checks.invariant("name", 3)])
def test_what_is_no_invariant_is_refused_at_definition(wrong):
    with pytest.raises(UsageError):
        wrong()
