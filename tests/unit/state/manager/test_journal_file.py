"""A journal on a file: what was accepted is there for the next process, whatever befell the one before."""

from __future__ import annotations

import errno
import os
from dataclasses import replace

import pytest
from redis_in_memory import AFTER, ManualClock, RedisInMemory

from pytest_arbredis.state.errors import CorruptedError, MisuseError, NotJournalledError
from pytest_arbredis.state.manager import journal_file
from pytest_arbredis.state.manager.entries import Addition, Instant
from pytest_arbredis.state.manager.journal_file import JournalFile
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.opening import Policy


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def server(clock):
    return RedisInMemory(clock)


def manager_at(path, server, clock, namespace="paper:local"):
    return StateManager(namespace=namespace, redis=server, policy=Policy(clock=clock, journal_file=path))


def dies(manager):
    """Its process ends without another word: the file is unlocked, nothing else happens."""
    manager._core.journal.close()


def entry(number, by=1):
    return Addition(token=f"t-{number}", name="trades", by=by, at=Instant(mono_ns=1, wall_ns=1))


def test_what_was_accepted_is_brought_by_the_next_process(path, server, clock):
    first = manager_at(path, server, clock)
    server.away = True
    first.increment_stat("trades", 3)
    first.increment_stat("trades", 4)
    first.set_metrics({"total_balance": 5})
    first.set_position("BTC", {"quantity": 1})
    dies(first)
    server.away = False
    second = manager_at(path, server, clock)
    assert (second.get_stat("trades"), second.get_metrics()) == (7, {"total_balance": 5})
    assert second.get_position("BTC") == {"quantity": 1}
    assert second.waiting == ()


def test_what_redis_had_already_got_is_not_added_again(path, server, clock):
    first = manager_at(path, server, clock)
    server.fails = [AFTER]
    first.increment_stat("trades", 3)
    dies(first)
    assert manager_at(path, server, clock).get_stat("trades") == 3


def test_a_line_that_was_cut_short_was_not_accepted(path):
    file = JournalFile(path, whose="me")
    file.put(entry(1), entry(2))
    file.close()
    whole = path.read_bytes()
    for length in {*range(0, len(whole), 11), len(whole) - 1}:
        path.write_bytes(whole[:length])
        again = JournalFile(path, whose="me")
        assert len(again.left) == max(0, whole[:length].count(b"\n") - 1)
        again.put(entry(3))
        again.close()
        third = JournalFile(path, whose="me")
        assert third.left[-1] == replace(entry(3), sent=True)
        third.close()


def test_a_line_that_cannot_be_read_is_named(path):
    file = JournalFile(path, whose="me")
    file.put(entry(1))
    file.close()
    path.write_bytes(path.read_bytes() + b"{nonsense}\n")
    with pytest.raises(CorruptedError, match="line 3"):
        JournalFile(path, whose="me")


def test_two_managers_do_not_share_a_file(path):
    file = JournalFile(path, whose="me")
    with pytest.raises(MisuseError, match="another manager's"):
        JournalFile(path, whose="me")
    file.put(entry(1))
    with pytest.raises(MisuseError, match="another manager's"):
        JournalFile(path, whose="me")
    file.close()
    JournalFile(path, whose="me").close()


def test_a_file_of_another_namespace_is_refused(path):
    JournalFile(path, whose="live:docker:arbitrage").close()
    with pytest.raises(MisuseError, match="live:docker"):
        JournalFile(path, whose="paper:docker:arbitrage")


def test_a_settled_journal_is_empty_and_a_long_one_is_written_anew(path):
    file = JournalFile(path, whose="me", compact_at_bytes=2000)
    for number in range(200):
        file.put(entry(1, by=number))
    assert path.stat().st_size < 4000
    file.put(entry(2))
    file.done("t-1")
    file.close()
    again = JournalFile(path, whose="me")
    assert [one.token for one in again.left] == ["t-2"]
    again.done("t-2")
    assert path.read_bytes().count(b"\n") == 1
    again.close()


def test_a_full_disk_is_told_and_leaves_the_file_readable(path, monkeypatch):
    file = JournalFile(path, whose="me")
    file.put(entry(1))

    def half(opened, data):
        os.write(opened, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(journal_file, "_write", half)
    with pytest.raises(NotJournalledError, match="no space left") as refused:
        file.put(entry(2))
    assert refused.value.applied == "no"
    monkeypatch.undo()
    file.put(entry(3))
    file.close()
    again = JournalFile(path, whose="me")
    assert [one.token for one in again.left] == ["t-1", "t-3"]
    again.close()


def test_a_metric_of_an_earlier_start_of_the_machine_has_the_time_that_was_reckoned_then(
    path, server, clock, monkeypatch
):
    """CLOCK_MONOTONIC began anew; a metric that somebody set since is newer."""
    first = manager_at(path, server, clock)
    server.away = True
    first.set_metrics({"total_balance": 1, "trades_today": 2})
    dies(first)
    server.away = False
    clock.pass_s(10)
    manager_at(path.with_name("other"), server, clock).set_metrics({"total_balance": 9})
    monkeypatch.setattr("pytest_arbredis.state.manager.server_time.boot", lambda: "another")
    assert manager_at(path, server, clock).get_metrics() == {"total_balance": 9, "trades_today": 2}
