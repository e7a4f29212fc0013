"""What a manager does while Redis is away, and when it is back; the server is a fake in memory."""

from __future__ import annotations

import logging
import threading

import pytest
from redis_in_memory import AFTER, BEFORE, ManualClock, RedisInMemory

from pytest_arbredis.state.errors import ConflictError, MisuseError, NotJournalledError, RejectedError
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.modes import Mode
from pytest_arbredis.state.manager.opening import Policy, settings_of

STATS = "test:local:arbitrage:stats"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def server(clock):
    return RedisInMemory(clock)


@pytest.fixture
def make(server, clock):
    def made(**options):
        without = frozenset(options.pop("without", ()))
        rest = {name: options.pop(name) for name in ("namespace", "enabled") if name in options}
        return StateManager(redis=server, policy=Policy(clock=clock, **options), _without=without, **rest)

    return made


def back(server, clock):
    server.away = False
    clock.pass_s(1)


def test_additions_made_while_redis_is_away_are_added_when_it_is_back(make, server, clock):
    manager = make()
    manager.increment_stat("trades", 3)
    server.away = True
    added = manager.increment_stat("trades", 2)
    manager.increment_stat("trades")
    assert (added.value, added.degraded, manager.get_stat("trades")) == (5, True, 6)
    back(server, clock)
    read = manager.read_stat("trades")
    assert (read.value, read.degraded, manager.mode, manager.waiting) == (6, False, Mode.REDIS, ())


def test_an_addition_whose_reply_is_lost_is_added_once(make, server, clock):
    manager = make()
    server.fails = [AFTER]
    manager.increment_stat("trades")
    assert server.hashes[STATS] == {"trades": b"1"}
    clock.pass_s(1)
    assert manager.get_stat("trades") == 1


def test_a_reconciliation_whose_reply_is_lost_adds_once(make, server, clock):
    """The token that it is repeated with is the one that it was first sent with."""
    manager = make()
    server.away = True
    manager.increment_stat("trades", 4)
    server.away = False
    for _ in range(3):
        clock.pass_s(1)
        server.fails = [None, AFTER]  # the time is asked first
        manager.increment_stat("trades")
    clock.pass_s(1)
    assert manager.get_stat("trades") == 7


def test_without_tokens_a_lost_reply_counts_twice(make, server, clock):
    manager = make(without={"idempotency-token"})
    server.fails = [AFTER]
    manager.increment_stat("trades")
    clock.pass_s(1)
    assert manager.get_stat("trades") == 2


def test_without_the_journal_the_old_value_hides_what_was_added(make, server, clock):
    manager = make(without={"journal"})
    manager.increment_stat("trades", 3)
    server.away = True
    assert manager.increment_stat("trades").value == 4
    back(server, clock)
    assert manager.get_stat("trades") == 3


def test_tokens_of_answered_additions_are_given_back(make, server):
    manager = make()
    for _ in range(50):
        manager.increment_stat("trades")
    assert len(server.tokens) == 1


def test_the_token_of_an_addition_without_a_reply_is_kept(make, server, clock):
    """What was sent may still arrive, long after it was repeated."""
    manager = make()
    server.fails = [AFTER]
    manager.increment_stat("trades")
    clock.pass_s(1)
    for _ in range(5):
        manager.increment_stat("trades")
    assert len(server.tokens) == 2


def test_an_addition_that_is_older_than_its_token_may_be_is_told_and_not_repeated(make, server, clock):
    manager = make()
    server.fails = [AFTER]
    manager.increment_stat("trades")
    clock.pass_s(86_400)
    assert manager.get_stat("trades") == 1
    assert [entry.by for entry, _ in manager.refused] == [1]


def test_each_change_of_mode_is_one_warning_and_one_event(make, server, clock, caplog):
    told = []
    caplog.set_level(logging.WARNING, logger="pytest_arbredis.state.manager")
    manager = make(on_mode_change=told.append)
    server.away = True
    for _ in range(5):
        clock.pass_s(1)
        manager.increment_stat("trades")
    back(server, clock)
    manager.get_stat("trades")
    manager.get_stat("trades")
    assert [(change.seq, change.before, change.after) for change in told] == [
        (1, Mode.REDIS, Mode.FALLBACK),
        (2, Mode.FALLBACK, Mode.REDIS),
    ]
    assert len(caplog.records) == 2


def test_redis_is_tried_again_only_so_often_while_it_is_away(make, server, clock):
    manager = make(retry_every_s=1.0)
    server.away = True
    manager.increment_stat("trades")
    server.away, server.asked = False, []
    clock.pass_s(0.9)
    assert manager.read_stat("trades").degraded
    assert server.asked == []
    clock.pass_s(0.2)
    assert not manager.read_stat("trades").degraded


def test_a_manager_that_cannot_connect_works_in_memory_from_the_start(make, server, clock):
    server.away = True
    manager = make()
    assert (manager.mode, manager.increment_stat("trades").age_s) == (Mode.FALLBACK, None)
    back(server, clock)
    assert manager.get_stat("trades") == 1


def test_a_refusal_of_redis_is_the_callers_and_changes_no_mode(make, server):
    manager = make()
    server.wrong_type.add(STATS)
    with pytest.raises(RejectedError):
        manager.increment_stat("trades")
    assert (manager.mode, manager.waiting) == (Mode.REDIS, ())


def test_an_entry_that_redis_refuses_does_not_keep_the_others_waiting(make, server, clock):
    manager = make()
    server.away = True
    manager.increment_stat("trades")
    manager.set_metrics({"trades_total": 4})
    server.wrong_type.add(STATS)
    back(server, clock)
    assert manager.get_metrics() == {"trades_total": 4}
    assert [entry.about for entry, _ in manager.refused] == [("stat", "trades")]


def test_an_outage_costs_one_entry_for_each_statistic(make, server):
    manager = make(most_entries=2)
    server.away = True
    for _ in range(100):
        manager.increment_stat("trades")
        manager.increment_stat("errors")
    assert [entry.by for entry in manager.waiting] == [100, 100]


def test_a_full_journal_refuses_and_keeps_what_it_has(make, server, clock):
    manager = make(most_entries=1)
    server.away = True
    manager.increment_stat("trades")
    with pytest.raises(NotJournalledError, match="full") as refused:
        manager.increment_stat("errors")
    assert refused.value.applied == "no"
    with pytest.raises(NotJournalledError):
        manager.set_metrics({"trades_total": 1, "trades_today": 2})
    back(server, clock)
    assert (manager.get_stat("trades"), manager.get_stat("errors"), manager.get_metrics()) == (1, 0, {})


def test_an_addition_during_a_reconciliation_by_another_thread_waits_in_the_journal(make, server, clock):
    manager = make()
    server.away = True
    manager.increment_stat("trades")
    back(server, clock)
    answer, seen = server._answer, []

    def while_it_reconciles(ask):
        if not seen:
            seen.append(manager.increment_stat("trades", 10).degraded)
        return answer(ask)

    server._answer = while_it_reconciles
    assert manager.get_stat("trades") == 11
    assert seen == [True]


def test_threads_may_share_a_manager(make, server):
    manager = make()
    threads = [threading.Thread(target=lambda: [manager.increment_stat("trades") for _ in range(50)]) for _ in range(4)]
    lock, answer = threading.Lock(), server._answer

    def one_at_a_time(ask):
        with lock:
            return answer(ask)

    server._answer = one_at_a_time
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert manager.get_stat("trades") == 200


def test_the_newest_metric_wins_whoever_reconciles_last(make, server, clock):
    one, other = make(), make()
    server.away = True
    one.set_metrics({"total_balance": 1, "trades_today": 7})
    clock.pass_s(0.2)
    other.set_metrics({"total_balance": 2})
    back(server, clock)
    other.get_metrics()
    assert one.get_metrics() == {"trades_today": 7, "total_balance": 2}


def test_a_metric_of_an_outage_does_not_hide_one_that_was_set_since(make, server, clock):
    one, other = make(), make()
    server.fails = [BEFORE]
    one.set_metrics({"total_balance": 1})
    clock.pass_s(1)
    other.set_metrics({"total_balance": 2})
    assert one.get_metrics() == {"total_balance": 2}


def test_without_the_rule_the_last_to_reconcile_wins(make, server, clock):
    one, other = make(without={"newest-wins"}), make()
    server.fails = [BEFORE]
    one.set_metrics({"total_balance": 1})
    clock.pass_s(1)
    other.set_metrics({"total_balance": 2})
    assert one.get_metrics() == {"total_balance": 1}


def test_metrics_that_have_outlived_their_time_are_not_brought_back(make, server, clock):
    manager = make()
    server.away = True
    manager.set_metrics({"total_balance": 1}, ttl_s=300)
    clock.pass_s(301)
    server.away = False
    assert manager.get_metrics() == {}


def test_metrics_brought_back_live_only_for_what_is_left(make, server, clock):
    manager = make()
    server.away = True
    manager.set_metrics({"total_balance": 1}, ttl_s=300)
    clock.pass_s(100)
    server.away = False
    manager.get_metrics()
    assert server.ttls["test:local:arbitrage:metrics"] == 200_000


def test_a_write_that_the_server_gets_too_late_is_not_applied(make, server, clock):
    """It waited on the way, its caller had given up; what it says may be older than what is there."""
    manager = make(within_s=1.0)
    answer = server._answer

    def late(ask):
        clock.pass_s(5)
        return answer(ask)

    server._answer = late
    assert manager.set_heartbeat().degraded
    assert server.hashes == {}


def test_a_heartbeat_in_memory_is_no_sign_of_life_to_its_writer(make, server, clock):
    manager, other = make(), make()
    manager.set_heartbeat(status="up")
    server.away = True
    clock.pass_s(30)
    assert manager.set_heartbeat(status="up").degraded
    beat = manager.read_heartbeat()
    assert (beat.alive, beat.degraded, round(beat.age_s)) == (False, True, 30)
    back(server, clock)
    assert round(manager.read_heartbeat().age_s) == round(other.read_heartbeat().age_s) == 31


def test_a_heartbeat_is_alive_for_as_long_as_it_is_asked_for(make, clock):
    manager = make()
    manager.set_heartbeat("feed")
    clock.pass_s(20)
    assert manager.read_heartbeat("feed").alive
    assert not manager.read_heartbeat("feed", alive_s=10).alive
    assert not manager.read_heartbeat("nobody").alive


def test_without_degraded_reads_a_heartbeat_in_memory_looks_alive(make, server, clock):
    manager = make(without={"degraded-reads"})
    server.away = True
    clock.pass_s(1)
    assert not manager.set_heartbeat().degraded
    assert manager.read_heartbeat().alive


def test_positions_set_apart_are_both_kept_and_nobody_chooses(make, server, clock):
    one, other = make(), make()
    server.away = True
    one.set_position("BTC", {"quantity": 1})
    other.set_position("BTC", {"quantity": 2})
    back(server, clock)
    one.reconcile()
    found = other.read_position("BTC")
    assert found.fields == {"quantity": 1}
    assert [conflict.fields for conflict in found.conflicts] == [{"quantity": 2}]
    with pytest.raises(ConflictError, match="2 values are kept"):
        other.get_position("BTC")
    with pytest.raises(ConflictError):
        one.set_position("BTC", {"quantity": 3})


def test_whoever_has_read_a_conflict_may_resolve_it(make, server, clock):
    one, other = make(), make()
    server.away = True
    one.set_position("BTC", {"quantity": 1})
    other.set_position("BTC", {"quantity": 2})
    back(server, clock)
    one.reconcile()
    other.set_position("BTC", {"quantity": 3}, over=other.read_position("BTC"))
    assert other.get_position("BTC") == {"quantity": 3}
    assert one.read_position("BTC").conflicts == ()


def test_a_conflict_that_came_since_is_not_resolved_unseen(make, server, clock):
    one, other, third = make(), make(), make()
    server.away = True
    for manager, quantity in ((one, 1), (other, 2), (third, 3)):
        manager.set_position("BTC", {"quantity": quantity})
    back(server, clock)
    one.reconcile()
    other.reconcile()
    read = one.read_position("BTC")
    third.reconcile()
    with pytest.raises(ConflictError):
        one.set_position("BTC", {"quantity": 9}, over=read)
    assert len(one.read_position("BTC").conflicts) == 2


def test_a_position_is_written_over_what_was_read_and_over_nothing_else(make):
    one, other = make(), make()
    one.set_position("BTC", {"quantity": 1})
    with pytest.raises(ConflictError, match="version 1"):
        other.set_position("BTC", {"quantity": 2})
    other.read_position("BTC")
    other.set_position("BTC", {"quantity": 2})
    assert one.get_position("BTC") == {"quantity": 2}


def test_a_position_that_one_manager_sets_again_and_again_in_an_outage_is_no_conflict(make, server, clock):
    manager = make()
    manager.set_position("BTC", {"quantity": 1})
    server.fails = [AFTER]
    manager.set_position("BTC", {"quantity": 2})
    manager.set_position("BTC", {"quantity": 3})
    manager.set_position("BTC", {"quantity": 4})
    assert manager.get_position("BTC") == {"quantity": 4}
    clock.pass_s(1)
    assert manager.get_position("BTC") == {"quantity": 4}
    manager.set_position("BTC", {"quantity": 5})
    assert manager.get_position("BTC") == {"quantity": 5}


def test_without_the_report_a_position_of_an_outage_hides_anothers(make, server, clock):
    one, other = make(), make(without={"conflict-report"})
    server.away = True
    one.set_position("BTC", {"quantity": 1})
    other.set_position("BTC", {"quantity": 2})
    back(server, clock)
    one.reconcile()
    assert other.get_position("BTC") == {"quantity": 2}


@pytest.mark.parametrize("options", [{"enabled": False}, {"namespace": "paper:memory"}])
def test_a_manager_of_memory_alone_asks_nobody_and_says_so(make, server, options):
    manager = make(**options)
    manager.increment_stat("trades", 2)
    manager.set_metrics({"trades_total": 2})
    manager.set_position("BTC", {"quantity": 1})
    assert (manager.mode, manager.get_stat("trades"), manager.get_metrics()) == (Mode.MEMORY, 2, {"trades_total": 2})
    assert manager.read_position("BTC").fields == {"quantity": 1}
    assert manager.read_stat("trades").degraded
    assert (server.asked, manager.waiting) == ([], ())


def test_the_time_to_live_is_one_step_with_what_lives(make, server):
    manager = make()
    server.asked = []
    manager.set_metrics({"trades_total": 1}, ttl_s=600)
    manager.set_heartbeat()
    assert server.asked == ["manager.set_metrics", "manager.beat"]
    assert server.ttls == {"test:local:arbitrage:metrics": 600_000, "test:local:arbitrage:heartbeat:main": 300_000}


def test_without_one_step_a_lost_reply_leaves_what_never_expires(make, server):
    manager = make(without={"ttl-in-one-step"})
    server.fails = [AFTER]
    manager.set_heartbeat()
    assert (list(server.hashes), server.ttls) == (["test:local:arbitrage:heartbeat:main"], {})


@pytest.mark.parametrize("namespace", ["live", "live:", "real:docker", "live:cloud", "live:docker:x", "", 7])
def test_a_bad_namespace_is_refused_by_its_part(make, namespace):
    with pytest.raises(KeyError):
        make(namespace=namespace)


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.increment_stat("a b"),
        lambda one: one.increment_stat("_a"),
        lambda one: one.increment_stat("a", 1.5),
        lambda one: one.increment_stat("a", True),
        lambda one: one.increment_stat("a", 2**70),
        lambda one: one.set_metrics({}),
        lambda one: one.set_metrics({"profit": 1}),
        lambda one: one.set_metrics({"trades_total": float("nan")}),
        lambda one: one.set_metrics({"trades_total": "1"}),
        lambda one: one.set_metrics({"trades_total": 1}, ttl_s=60),
        lambda one: one.set_heartbeat(ttl_s=90_000),
        lambda one: one.set_heartbeat("a:b"),
        lambda one: one.set_position("BTC/USD", {"quantity": 1}),
        lambda one: one.set_position("BTC", {}),
        lambda one: one.set_position("BTC", {"quantity": float("inf")}),
        lambda one: one.set_position("BTC", {"quantity": object()}),
        lambda one: one.set_position("BTC", {"note": "x" * 1_000_001}),
        lambda one: one.set_position("BTC", {f"f{n}": n for n in range(1000)}),
    ],
)
def test_what_could_never_be_right_is_refused_before_anything_is_sent(make, server, call):
    manager = make()
    server.asked = []
    with pytest.raises(MisuseError):
        call(manager)
    assert (server.asked, manager.waiting) == ([], ())


def test_an_unknown_hardening_is_refused(make):
    with pytest.raises(MisuseError, match="no such hardening"):
        make(without={"everything"})


def test_where_redis_is_comes_from_the_arguments_and_then_the_environment():
    env = {"REDIS_HOST": "there", "REDIS_PORT": "1234", "REDIS_DB": "5", "REDIS_PASSWORD": "secret"}
    told = settings_of(None, None, 0, env=env)
    assert (told.address, told.db, "secret" in repr(told)) == (("there", 1234), 5, False)
    told = settings_of("here", 1, 2, env=env)
    assert (told.address, told.db) == (("here", 1), 2)
    assert settings_of(None, None, 0, env={}).address == ("localhost", 6379)
    told = settings_of(None, None, 0, env={"REDIS_USERNAME": "bot", "REDIS_CA_FILE": "/ca.pem"})
    assert (told.username, told.tls, told.tls_ca_file) == ("bot", True, "/ca.pem")
    with pytest.raises(MisuseError, match="REDIS_PORT"):
        settings_of(None, None, 0, env={"REDIS_PORT": "many"})
