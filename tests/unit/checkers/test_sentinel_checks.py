"""What Sentinels published: a failover as s0 leads it and s1 follows, then with events swapped, lost or doubled."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pytest_arbredis.checkers import api as checks
from pytest_arbredis.checkers.sentinel_record import LEADER
from pytest_arbredis.checkers.verdict import Verdict
from pytest_arbredis.errors import UsageError
from pytest_arbredis.testing.builder import HistoryBuilder

MASTER = "master arbredis 127.0.0.1 7000"
REPLICA = "slave 127.0.0.1:7001 127.0.0.1 7001 @ arbredis 127.0.0.1 7000"
SWITCH = "arbredis 127.0.0.1 7000 127.0.0.1 7001"
DETAILS = {
    "+selected-slave": REPLICA,
    "+failover-state-send-slaveof-noone": REPLICA,
    "+failover-state-wait-promotion": REPLICA,
    "+promoted-slave": REPLICA,
    "+switch-master": SWITCH,
}
LED = [("+sdown", MASTER), ("+odown", f"{MASTER} #quorum 2/2"), ("+new-epoch", "3"), ("+try-failover", MASTER)]
LED += [("+vote-for-leader", "id0 3"), *((name, DETAILS.get(name, MASTER)) for name in LEADER[1:])]
FOLLOWED = [("+new-epoch", "3"), ("+vote-for-leader", "id0 3"), ("+sdown", MASTER)]
FOLLOWED += [
    ("+config-update-from", "sentinel id0 127.0.0.1 7300 @ arbredis 127.0.0.1 7000"),
    ("+switch-master", SWITCH),
]
ORDERED = [name for name, _ in LED if name != "+vote-for-leader"]


def history(led=LED, followed=FOLLOWED, *, bare=False, commanded=False):
    h = HistoryBuilder()
    if commanded:
        h.fault("failover", "primary", at=(0, 100), evidence="accepted")
    for sentinel, events in (("s0", led), ("s1", followed)):
        for at, (name, detail) in enumerate(events):
            h.event("sentinel", sentinel, at=100 + at * 10, data=told(name, detail, bare=bare))
    return h.build()


def told(name, detail, *, bare):
    if not bare:
        return {"event": name, "detail": detail}
    return {"event": name, "epoch": 3} if name == "+new-epoch" else {"event": name}


def swapped(events, one, other):
    places = [next(i for i, (name, _) in enumerate(events) if name == each) for each in (one, other)]
    found = list(events)
    found[places[0]], found[places[1]] = found[places[1]], found[places[0]]
    return found


def without(events, *names):
    return [event for event in events if event[0] not in names]


@pytest.mark.parametrize("bare", [False, True])
def test_a_failover_as_documented_is_accepted(bare):
    finding = checks.sentinel_events_in_order()(history(bare=bare))
    assert finding.verdict is Verdict.VALID
    assert finding.figures["leaders"] == ["s0 in epoch 3"]
    assert finding.figures["switched"] == 2


NEIGHBOURS = [*pairwise(ORDERED)]
NEIGHBOURS.remove(("+odown", "+new-epoch"))  # a Sentinel may enter another's epoch before it agrees


@pytest.mark.parametrize(("one", "other"), NEIGHBOURS)
def test_two_neighbouring_events_of_the_leader_in_the_wrong_order_are_rejected(one, other):
    assert checks.sentinel_events_in_order()(history(swapped(LED, one, other))).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", ORDERED[:-1])
def test_an_event_of_the_leader_that_is_not_on_record_is_unknown(name):
    finding = checks.sentinel_events_in_order()(history(without(LED, name)))
    assert finding.verdict is Verdict.UNKNOWN
    assert name in finding.summary


def test_an_election_without_agreement_is_the_operators_command():
    led = without(LED, "+sdown", "+odown")
    assert checks.sentinel_events_in_order()(history(led, commanded=True)).verdict is Verdict.VALID
    assert checks.sentinel_events_in_order()(history(led)).verdict is Verdict.UNKNOWN


def test_a_follower_that_votes_before_its_epoch_is_rejected():
    followed = swapped(FOLLOWED, "+new-epoch", "+vote-for-leader")
    assert checks.sentinel_events_in_order()(history(followed=followed)).verdict is Verdict.INVALID


def test_a_replica_that_is_down_is_not_the_primary():
    followed = [("+odown", REPLICA), *FOLLOWED, ("+sdown", REPLICA)]
    assert checks.sentinel_events_in_order()(history(followed=followed)).verdict is Verdict.VALID


def test_a_leader_whose_run_ended_before_its_failover_did_is_accepted_with_a_follower():
    led = without(LED, "+failover-end", "+switch-master")
    finding = checks.sentinel_events_in_order()(history(led))
    assert finding.verdict is Verdict.VALID
    assert finding.figures["completed"] == 1


def test_an_attempt_that_another_sentinel_overtook_is_superseded():
    followed = [*LED[:5], *FOLLOWED[-2:]]
    finding = checks.sentinel_events_in_order()(history(followed=swapped(followed, "+sdown", "+sdown")))
    assert finding.verdict is Verdict.VALID
    assert finding.figures["superseded"] == 1


def test_aborted_elections_are_counted_by_their_reason():
    led = [*LED[:4], ("-failover-abort-not-elected", MASTER), ("+new-epoch", "4"), *LED[3:4], *LED[5:]]
    finding = checks.sentinel_events_in_order()(history(led))
    assert finding.verdict is Verdict.VALID
    assert finding.figures["aborted"] == {"-failover-abort-not-elected": 1}
    assert finding.summary == "1 failovers in order, 1 -failover-abort-not-elected"


def test_the_port_behind_a_config_update_is_no_epoch():
    h = HistoryBuilder()
    for at, (name, detail) in enumerate(LED):
        h.event("sentinel", "s0", at=at, data={"event": name, "detail": detail})
    h.event("sentinel", "s1", at=30, data={"event": "+new-epoch", "detail": "3", "epoch": 3})
    h.event("sentinel", "s1", at=31, data={"event": "+config-update-from", "detail": "…", "epoch": 7000})
    h.event("sentinel", "s1", at=32, data={"event": "+switch-master", "detail": SWITCH})
    h.event("sentinel", "s1", at=90, data={"event": "+new-epoch", "detail": "4", "epoch": 4})
    assert checks.sentinel_events_in_order()(h.build()).verdict is Verdict.VALID


def test_the_last_view_before_the_selection_counts():
    h = HistoryBuilder()
    for at, priority in ((10, "1"), (20, "100"), (40, "1")):
        rows = [{"name": "127.0.0.1:7001", "slave-priority": priority, "slave-repl-offset": "9", "runid": "a"}]
        rows += [{"name": "127.0.0.1:7002", "slave-priority": "10", "slave-repl-offset": "9", "runid": "b"}]
        h.event("note", "s0", at=at, data={"kind": "sentinel-replicas", "replicas": rows})
    h.event("sentinel", "s0", at=30, data={"event": "+selected-slave", "detail": REPLICA})
    assert checks.replica_is_chosen_by_priority()(h.build()).verdict is Verdict.INVALID


def test_a_time_too_short_to_see_connections_is_refused():
    with pytest.raises(UsageError):
        checks.clients_are_disconnected(within_s=0.1)


def test_a_promoted_replica_disconnects_its_readers():
    h = HistoryBuilder()
    for at, role in ((0, "slave"), (100, "slave"), (150, "master"), (3000, "master")):
        h.replication("n1", role=role, replid="a", offset=1, at=at)
    h.event("note", "n1", at=10, data={"kind": "connections", "node": "n1", "clients": ["a", "b"]})
    h.event("note", "n1", at=160, data={"kind": "connections", "node": "n1", "clients": ["c"]})
    h.event("sentinel", "s0", at=155, data={"event": "+switch-master", "detail": SWITCH})
    finding = checks.clients_are_disconnected()(h.build())
    assert finding.verdict is Verdict.VALID
    assert finding.figures == {"clients": 2, "stayed": 0}
