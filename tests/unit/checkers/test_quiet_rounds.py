"""Quiet rounds: chosen by the stalls that the waiting load saw, never by a latency; told, and bounded."""

from __future__ import annotations

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.quiet import rounds
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Event, Header, Op

MS = 1_000_000
COUNT = 20_000


def op(number, name, start_ns, *, wait_ms, own_ms):
    end_ns = start_ns + int(wait_ms * MS)
    return Op(
        id=number,
        process=0,
        name=name,
        outcome="ok",
        intended_ns=start_ns,
        invoked_ns=end_ns - int(own_ms * MS),
        completed_ns=end_ns,
    )


def history(get_ms, *, stalls=(), own_ms=None, ping_ms=lambda _: 0.05, notes=True):
    """20 000 GETs and 2000 PINGs in 20 s; `get_ms` and `ping_ms` from the intended start, by the millisecond."""
    ops = [op(n, "GET", n * MS, wait_ms=get_ms(n), own_ms=(own_ms or get_ms)(n)) for n in range(COUNT)]
    ops += [
        op(COUNT + n, "PING", n * 10 * MS + MS // 2, wait_ms=ping_ms(n * 10), own_ms=0.05) for n in range(COUNT // 10)
    ]
    seen = {
        "kind": "stalls",
        "bound_ms": 0.25,
        "waited_ns": COUNT * MS // 2,
        "stalls": [[at * MS, length * MS] for at, length in stalls],
    }
    kept = {"kind": "wakefulness", "cores": 2, "how": "by hand", "why_not": ""}
    events = [Event(name="note", source="client 0", at_ns=0, data=data) for data in (seen, kept)] if notes else []
    return History.of(Header(run="by hand", seed=7), [*ops, *events])


def every(ms, length):
    """Stalls of so many milliseconds, one in each `ms`, and whether a millisecond lies in one or in its wake."""
    stalls = [(at, length) for at in range(50, COUNT, ms)]
    return stalls, lambda n: (n - 50) % ms < 2 * length


STALLS, STALLED = every(500, 5)


def judged(made, **budgets):
    return checks.latency("GET", **(budgets or {"p99_ms": 0.5}))(made)


def test_a_stall_of_the_machine_is_left_out_and_told():
    """2 % of the operations are 4 ms late, all of them behind stalls."""
    slow = {True: 4.0, False: 0.1}
    finding = judged(history(lambda n: slow[STALLED(n)], own_ms=lambda _: 0.1, stalls=STALLS))
    assert finding.verdict is Verdict.VALID
    assert finding.summary.endswith("budget 0.5 ms; 160 quiet of 200 rounds are judged")
    assert finding.figures["p99_all_rounds_ms"] == 4.0
    assert (finding.figures["n"], finding.figures["n_measured"]) == (16_000, 20_000)
    assert (finding.figures["rounds_quiet"], finding.figures["rounds_measured"], finding.figures["stalls"]) == (
        160,
        200,
        40,
    )
    assert finding.figures["cores_kept_awake"] == 2
    assert finding.figures["watched_share"] == 0.5
    assert any("40 are left out because of 40 stalls" in line and "P99 4.000 ms" in line for line in finding.lines)
    assert "cores kept awake: 2 (by hand)" in finding.lines


def test_the_same_delays_without_a_stall_seen_are_judged():
    slow = {True: 4.0, False: 0.1}
    finding = judged(history(lambda n: slow[STALLED(n)]))
    assert finding.verdict is Verdict.INVALID
    assert finding.figures["rounds_quiet"] == 200


def test_a_subject_that_is_slow_in_every_round_is_not_excused_by_stalls():
    finding = judged(history(lambda n: 0.9 if n % 40 == 0 else 0.1, stalls=STALLS))
    assert finding.verdict is Verdict.INVALID
    assert "160 quiet of 200 rounds" in finding.summary


def test_a_subject_that_is_slow_only_where_the_machine_stalled_is_not_excused():
    """As when it computes for long beside a busy process: then the thread is kept waiting after it."""
    finding = judged(history(lambda n: 30.0 if STALLED(n) else 0.1, stalls=STALLS))
    assert finding.verdict is Verdict.INVALID
    assert finding.summary.endswith("long by itself in rounds with stalls, so all rounds are judged")


def test_a_machine_that_stalls_in_most_rounds_has_no_quiet_ones():
    stalls, stalled = every(150, 5)
    late, own = (lambda n: 4.0 if stalled(n) else 0.1), (lambda _: 0.1)
    finding = judged(history(late, own_ms=own, stalls=stalls, ping_ms=late))
    assert finding.verdict is Verdict.UNKNOWN
    assert finding.figures["inconclusive_by_noise"]
    assert "rounds were quiet, all are judged" in finding.summary


def test_fewer_than_ten_thousand_operations_in_quiet_rounds_are_no_measurement():
    stalls, _ = every(200, 1)
    made = history(lambda _: 0.1, stalls=stalls[:99])
    few = History.of(made.header, [*(one for one in made.ops if one.name == "PING" or one.id % 2), *made.events])
    finding = judged(few)
    assert finding.figures["n"] == 10_000
    assert "all are judged" in finding.summary


def test_without_a_witness_everything_is_judged_and_nothing_said_of_rounds():
    finding = judged(history(lambda _: 0.1, notes=False))
    assert finding.verdict is Verdict.VALID
    assert "rounds" not in finding.summary
    assert "rounds_measured" not in finding.figures
    assert len(finding.lines) == 1


def test_the_queue_behind_a_slow_subject_is_not_taken_for_noise():
    """The PINGs behind its slow operations are late from their intended start, and not from their sending."""
    made = history(lambda n: 3.0 if n % 20 < 2 else 0.1, ping_ms=lambda n: 2.0 if n % 20 < 10 else 0.05)
    finding = judged(made, p99_ms=0.5)
    assert finding.figures["floor_p99_ms"] == 2.0
    assert finding.verdict is Verdict.INVALID
    assert "from its sending 3.000 ms" in finding.summary


def test_a_queue_alone_accuses_nobody():
    made = history(lambda n: 3.0 if n % 20 < 2 else 0.1, own_ms=lambda _: 0.1, ping_ms=lambda _: 2.0)
    assert judged(made).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("at", "length", "noisy"), [(150, 1, {1}), (199, 1, {1, 2}), (150, 60, {1, 2, 3}), (-5, 1, set())]
)
def test_a_stall_takes_the_rounds_that_it_or_its_wake_touches(at, length, noisy):
    found = rounds(history(lambda _: 0.1, stalls=[(at, length)]), 0, 1000 * MS)
    assert found is not None
    assert found.measured == 11
    assert found.noisy == noisy


def test_a_note_that_is_no_list_of_stalls_is_no_stall():
    event = Event(name="note", source="x", at_ns=0, data={"kind": "stalls", "stalls": [[1], "x", [5, -3], None]})
    found = rounds(History.of(Header(run="r"), [event]), 0, 1000 * MS)
    assert found is not None
    assert not found.noisy
