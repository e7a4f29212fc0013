"""What servers counted, between two looks; and what checks make of commands of which only a span is known."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.arrivals import Arrivals, certainly_within, possibly_within
from pytest_arbredis.checkers.command_counts import rises
from pytest_arbredis.checkers.judging import witnesses
from pytest_arbredis.testing.builder import HistoryBuilder
from pytest_arbredis.topology.commandstats import arrived
from pytest_arbredis.topology.monitor_line import refused


def look(h, at, calls=None, *, run="r1", role="master", ours=None, node="n0"):
    data = {"kind": "commandstats", "node": node, "asked_ns": at * 1_000_000 - 1}
    if calls is not None:
        data |= {"run": run, "role": role, "calls": calls, "ours": ours or {}}
    h.event("note", node, at=at, data=data)


def told(*looks, names=()):
    h = HistoryBuilder()
    for at, calls, more in looks:
        look(h, at, calls, **more)
    return rises(h.build(), names).get("n0", [])


def test_only_what_was_counted_since_the_last_look_arrived():
    one, two = told((10, {"GET": 5}, {}), (20, {"GET": 7, "SET": 1}, {}), (30, {"GET": 7, "SET": 1}, {}))
    assert (one.calls, two.calls) == ({"GET": 2, "SET": 1}, {})


def test_names_that_servers_use_among_themselves_accuse_nobody():
    looks = (10, {}, {}), (20, {"PUBLISH": 3, "EXEC": 1, "PING": 2, "INCR": 1}, {})
    assert told(*looks)[0].calls == {"INCR": 1}
    assert told(*looks, names=("publish",))[0].calls == {}
    assert told(*looks, names=("ping",))[0].calls == {"PING": 2}


def test_on_a_replica_only_reads_count():
    assert told((10, {}, {"role": "slave"}), (20, {"SET": 3, "GET": 1}, {"role": "slave"}))[0].calls == {"GET": 1}


def test_a_name_that_the_harness_sent_is_doubtful_for_the_look_after_too():
    """It may have been counted by the server before the harness had noted it, and the other way round."""
    looks = [(10, {}, {}), (20, {"SET": 1}, {"ours": {"SET": 1}}), (30, {"SET": 2}, {"ours": {"SET": 1}})]
    looks.append((40, {"SET": 3}, {"ours": {"SET": 1}}))
    assert [one.doubtful for one in told(*looks)] == [{"SET"}, {"SET"}, set()]


def test_a_restarted_server_counts_from_nothing():
    looks = (10, {"GET": 9}, {}), (20, None, {}), (30, None, {}), (40, {"GET": 2}, {"run": "r2"})
    before, down, since = told(*looks)
    assert before.blind
    assert not down.blind
    assert (since.calls, since.blind) == ({"GET": 2}, False)


def test_counts_that_fall_hide_what_came():
    """CONFIG RESETSTAT, or a restart that no look has seen."""
    assert told((10, {"GET": 9}, {}), (20, {"GET": 1}, {}))[0].blind
    assert told((10, {"GET": 9}, {}), (20, {"GET": 11}, {"run": "r2"}))[0].blind


def test_a_server_that_only_did_not_answer_counted_on():
    assert [one.calls for one in told((10, {"GET": 1}, {}), (20, None, {}), (30, {"GET": 4}, {}))] == [{"GET": 3}]


def test_refused_commands_and_all_their_forms_are_counted():
    stats = {
        "cmdstat_get": {"calls": 3, "rejected_calls": 2, "failed_calls": 1},
        "cmdstat_client|list": {"calls": 9},
        "cmdstat_xgroup|create": {"calls": 1},
        "cmdstat_xgroup|destroy": {"calls": 1},
    }
    assert arrived(stats) == {"GET": 5, "XGROUP": 2}


def test_a_refused_monitor_is_told_from_a_refused_name():
    assert refused(b"-NOPERM User bot has no permissions to run the 'monitor' command")
    assert not refused(b"-NOPERM User bot has no permissions to run the 'client|setname' command")


def test_checks_say_what_a_run_must_record_for_them():
    assert witnesses((checks.no_command_while_open(), checks.clients_are_disconnected())) == {
        "commands",
        "commandstats",
        "connections",
    }
    assert witnesses((checks.replicas_converge(),)) == set()


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.integers(1, 3)), max_size=8)


@settings(deadline=None, max_examples=300, database=None)
@given(spans=SPANS, period=st.integers(1, 20))
def test_the_most_within_a_period_is_that_of_the_best_window(spans, period):
    """Against every window of whole numbers, those that begin between two included by doubling all times."""
    arrivals = [Arrivals(from_ns=2 * at, until_ns=2 * (at + long), count=count) for at, long, count in spans]
    windows = [(begin, begin + 2 * period) for begin in range(-60, 120)]
    sure = (sum(one.count for one in arrivals if one.from_ns >= b and one.until_ns < e) for b, e in windows)
    may = (sum(one.count for one in arrivals if one.until_ns >= b and one.from_ns < e) for b, e in windows)
    assert certainly_within(arrivals, 2 * period) == max(sure)
    assert possibly_within(arrivals, 2 * period) == max(may)
