"""What a manager journals keeps its order, and its tokens are its own in a forked child too."""

from __future__ import annotations

import os

import pytest
from redis_in_memory import AFTER, BEFORE, ManualClock, RedisInMemory

from pytest_arbredis.state.errors import NotJournalledError
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.opening import Policy


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def server(clock):
    return RedisInMemory(clock)


@pytest.fixture
def manager(server, clock):
    return StateManager(redis=server, policy=Policy(clock=clock))


def set_three_times(server, clock, write):
    """The second one finds a server that loses the reply to its first question: it may have been sent."""
    server.away = True
    write(1)
    server.away = False
    clock.pass_s(1)
    server.fails = [AFTER]
    write(2)
    server.away = True
    write(3)
    server.away = False


def test_the_last_position_of_a_fallback_is_the_one_that_stays(manager, server, clock):
    """A write that was sent, perhaps, stands between two that were not: those are not one."""
    set_three_times(server, clock, lambda qty: manager.set_position("BTC", {"qty": qty}))
    assert manager.get_position("BTC") == {"qty": 3}
    clock.pass_s(1)
    assert manager.reconcile()
    assert manager.get_position("BTC") == {"qty": 3}


def test_the_last_metric_of_a_fallback_is_the_one_that_is_read(manager, server, clock):
    set_three_times(server, clock, lambda value: manager.set_metrics({"total_balance": value}))
    assert manager.get_metrics() == {"total_balance": 3}
    clock.pass_s(1)
    assert manager.reconcile()
    assert manager.get_metrics() == {"total_balance": 3}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_has_tokens_of_its_own(manager):
    """With its parent's, what one of them adds would be taken for a repetition of the other's."""
    told, tells = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tells, manager._core.token().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(told, 100).decode() != manager._core.token()
    os.close(told)
    os.close(tells)


DAYS_S = 3 * 86_400


def test_additions_of_an_outage_of_days_that_were_never_sent_are_added(manager, server, clock):
    """Nobody can have applied them: how long Redis remembers their token does not matter."""
    server.away = True
    manager.increment_stat("trades", 2)
    clock.pass_s(DAYS_S)
    manager.increment_stat("trades", 3)
    server.away = False
    clock.pass_s(1)
    assert manager.reconcile()
    assert manager.get_stat("trades") == 5
    assert manager.refused == ()


def test_an_addition_that_is_sent_after_days_may_be_asked_again_from_then_on(manager, server, clock):
    server.away = True
    manager.increment_stat("trades", 2)
    clock.pass_s(DAYS_S)
    server.away = False
    server.fails = [None, AFTER]  # the time is asked first
    assert not manager.reconcile()
    clock.pass_s(1)
    assert manager.reconcile()
    assert manager.get_stat("trades") == 2
    assert manager.refused == ()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_leaves_its_parents_journal_alone_and_says_so(server, clock, tmp_path):
    """If it wrote the file anew, what its parent appends would be in a file that has no name any more."""
    path = tmp_path / "journal"
    policy = Policy(clock=clock, journal_file=path)
    parent = StateManager(redis=server, policy=policy)
    server.away = True
    parent.increment_stat("trades", 2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if _refuses_and_settles(parent, server, clock) else 2
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    parent.increment_stat("losses", 3)
    parent._core.journal.close()  # as if it had died
    clock.pass_s(1)
    heir = StateManager(redis=server, policy=policy)
    assert {entry.name: entry.by for entry in heir.waiting} == {"trades": 2, "losses": 3}


def _refuses_and_settles(manager, server, clock):
    """It refuses what it cannot keep, and settles what it inherited without touching the file."""
    with pytest.raises(NotJournalledError):
        manager.increment_stat("wins")
    server.away = False
    clock.pass_s(1)
    return manager.reconcile() and manager.get_stat("trades") == 2


def test_a_process_that_dies_while_it_reconciles_is_not_in_conflict_with_itself(server, clock, tmp_path):
    """Its second write of a position was over its first, which Redis has by then."""
    policy = Policy(clock=clock, journal_file=tmp_path / "journal")
    manager = StateManager(redis=server, policy=policy)
    set_three_times(server, clock, lambda qty: manager.set_position("BTC", {"qty": qty}))
    clock.pass_s(1)
    server.fails = [None, None, BEFORE]  # the time, the first position, the second
    assert not manager.reconcile()
    manager._core.journal.close()
    clock.pass_s(1)
    heir = StateManager(redis=server, policy=policy)
    assert heir.read_position("BTC").conflicts == ()
    assert heir.get_position("BTC") == {"qty": 3}
