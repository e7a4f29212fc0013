from __future__ import annotations

from dataclasses import replace

import pytest

from pytest_arbredis._clock import NS_PER_MS, NS_PER_S
from pytest_arbredis.checkers.verdict import Finding, Verdict
from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Event, FaultRecord, Header, Op
from pytest_arbredis.report.result import RunResult
from pytest_arbredis.report.text import notable
from pytest_arbredis.report.timeline import MOST_BINS, timeline_of
from pytest_arbredis.report.view import figure_texts, verdict_row, view_of


def test_every_operation_is_in_one_bin_and_final_reads_in_none(failover_history):
    timeline = timeline_of(failover_history)
    load = [op for op in failover_history.ops if not op.is_final]
    assert len(load) == 5000
    assert sum(one.total for one in timeline.bins) == 5000
    for outcome in ("ok", "fail", "unknown"):
        assert sum(getattr(one, outcome) for one in timeline.bins) == sum(op.outcome == outcome for op in load)
    assert {one.total for one in timeline.bins} == {50}


def test_the_gap_is_seen_where_it_was(failover_history):
    timeline = timeline_of(failover_history)
    assert timeline.width_s == 0.1
    starved = [one.began_s for one in timeline.bins if one.ok < 25]
    assert (min(starved), max(starved)) == (2.0, 3.2)


def test_latency_counts_from_the_instant_at_which_an_operation_was_due():
    late = Op(id=1, process=1, name="read", intended_ns=0, invoked_ns=90 * NS_PER_MS, completed_ns=100 * NS_PER_MS)
    history = History.of(Header(run="r"), [replace(late, outcome="ok")])
    (first, *rest) = timeline_of(history).bins
    assert (first.p50_ms, first.p99_ms, first.max_ms) == (100, 100, 100)
    assert rest == []


def test_operations_without_an_answer_have_no_latency():
    lost = Op(id=1, process=1, name="read", invoked_ns=5, completed_ns=500, outcome="unknown")
    (one,) = timeline_of(History.of(Header(run="r"), [lost])).bins
    assert (one.unknown, one.p50_ms, one.p99_ms, one.max_ms) == (1, None, None, None)


def test_percentiles_of_a_bin_are_those_of_its_operations():
    ops = [
        Op(id=n, process=n, name="read", invoked_ns=0, completed_ns=n * NS_PER_MS, outcome="ok") for n in range(1, 101)
    ]
    (one, *_) = timeline_of(History.of(Header(run="r"), ops)).bins
    assert one.p50_ms == pytest.approx(50.5)
    assert one.p99_ms == pytest.approx(99.01)
    assert one.max_ms == 100


@pytest.mark.parametrize("seconds", [0, 1e-6, 0.4, 12, 59, 3600, 10**6])
def test_there_are_never_more_bins_than_can_be_drawn(seconds):
    ops = [Op(id=n, process=n, name="read", invoked_ns=int(n * seconds * NS_PER_S), outcome="ok") for n in range(2)]
    timeline = timeline_of(History.of(Header(run="r"), ops))
    assert 1 <= len(timeline.bins) <= MOST_BINS + 1
    assert sum(one.total for one in timeline.bins) == 2


def test_times_count_from_the_load_phase_else_from_the_first_operation(failover_history):
    assert [mark.at_s for mark in timeline_of(failover_history).marks if mark.label == "load"] == [0.0]
    late = Op(id=1, process=1, name="read", invoked_ns=7 * NS_PER_S)
    fault = FaultRecord(id=1, name="down", target="primary", began_ns=9 * NS_PER_S)
    (band,) = timeline_of(History.of(Header(run="r"), [late, fault])).bands
    assert (band.began_s, band.ended_s, band.evidence) == (2.0, None, "")


def test_role_changes_are_derived_from_the_samples(failover_history):
    roles = [mark for mark in timeline_of(failover_history).marks if mark.kind == "role"]
    assert [(mark.at_s, mark.label) for mark in roles] == [
        (3.25, "node-2: replica → primary"),
        (6.6, "node-1: primary → replica"),
    ]


def test_a_node_that_does_not_answer_has_no_role(failover_history):
    spans = [
        (span.role, span.began_s, span.ended_s) for span in timeline_of(failover_history).roles if span.node == "node-1"
    ]
    assert spans == [("primary", 0.0, 1.95), ("primary", 6.15, 6.6), ("replica", 6.6, 10.25)]


def test_samples_without_a_role_change_nothing():
    events = [
        Event(name="replication", source="n", at_ns=at, data={"role": role} if role else {})
        for at, role in enumerate(("master", "", "master"))
    ]
    assert timeline_of(History.of(Header(run="r"), events)).marks == ()


def test_what_three_sentinels_say_is_told_once(failover_history):
    marks = timeline_of(failover_history).marks
    assert sum(mark.kind == "sentinel" for mark in marks) == 24
    assert [mark.label for mark in notable(marks) if mark.kind == "sentinel"] == [
        "+odown",
        "+elected-leader",
        "+promoted-slave",
        "+switch-master",
    ]


def test_a_second_failover_is_told_again():
    events = [
        Event(name="sentinel", source="s", at_ns=at * NS_PER_S, data={"event": "+switch-master"}) for at in (1, 1, 9)
    ]
    assert len(notable(timeline_of(History.of(Header(run="r"), events)).marks)) == 2


def test_an_empty_history_has_an_empty_timeline():
    timeline = timeline_of(History.of(Header(run="r"), []))
    assert (timeline.bins, timeline.bands, timeline.marks, timeline.roles, timeline.span_s) == ((), (), (), (), 0)


def test_words_and_tones(all_runs):
    assert [(row.word, row.tone) for row in map(verdict_row, all_runs.values())] == [
        ("valid", "good"),
        ("invalid", "bad"),
        ("unknown", "open"),
        ("shown", "good"),
        ("not shown", "open"),
        ("not run", "open"),
    ]


def test_a_run_without_any_finding_does_not_look_judged():
    bare = RunResult(scenario="s", kind="guarantee", promise="p", verdict=Verdict.UNKNOWN)
    assert verdict_row(bare).line == "no check gave a finding"


def test_proof_is_at_most_ten_operations_in_the_order_of_the_finding(invalid_run):
    view = view_of(invalid_run)
    assert [row.id for row in view.proof] == list(range(985, 995))
    assert view.proof[0].invoked_ms == pytest.approx(1970, abs=2)


def test_proof_comes_from_another_finding_if_the_decisive_one_has_none(invalid_run):
    silent = Finding(claim="a", verdict=Verdict.INVALID, summary="s")
    proving = Finding(claim="b", verdict=Verdict.UNKNOWN, summary="s", proof=(7,))
    view = view_of(replace(invalid_run, findings=(silent, proving)))
    assert [row.id for row in view.proof] == [7]


def test_proof_of_operations_that_the_history_lacks_is_left_out(invalid_run):
    finding = Finding(claim="a", verdict=Verdict.INVALID, summary="s", proof=(10**9, 7))
    assert [row.id for row in view_of(replace(invalid_run, findings=(finding,))).proof] == [7]


def test_percentiles_stand_with_their_budget():
    figures = {"p50_ms": 0.08, "p99_ms": 0.62, "p99_budget_ms": 0.5, "budget_p50_ms": 0.1, "n": 12000}
    assert figure_texts(figures) == ("p50 0.08 ms (budget 0.1 ms)", "p99 0.62 ms (budget 0.5 ms)", "n 12000")


def test_a_budget_without_its_percentile_is_still_shown():
    assert figure_texts({"p99_budget_ms": 0.5}) == ("p99 budget 0.5 ms",)


def test_figures_that_are_empty_are_left_out():
    assert figure_texts({"violation_ids": [], "why": "", "by": {}, "n": 0}) == ("n 0",)


def test_a_figure_that_could_not_be_measured_has_no_unit():
    assert figure_texts({"floor_p99_ms": None, "inconclusive_by_noise": True}) == (
        "floor p99 -",
        "inconclusive by noise true",
    )


def test_figures_may_be_tables_and_lists():
    assert figure_texts({"GET": {"p99_ms": 0.3, "p99_budget_ms": 0.5}, "waits_ms": [1, 2]}) == (
        "GET: p99 0.3 ms (budget 0.5 ms)",
        "waits 1, 2 ms",
    )
