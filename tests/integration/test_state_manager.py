"""The state manager on a real Redis: sync and asyncio, its scripts, outages, processes that end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
import redis
from small_servers import free_port, started
from state_twins import TWINS, Blocking

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConflictError, RejectedError, UnsafePolicyError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.aio import AsyncStateManager
from pytest_arbredis.state.manager.calls import beat
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.modes import Mode
from pytest_arbredis.state.manager.opening import Policy
from pytest_arbredis.state.metrics.reader import MetricsReader

QUICK = Policy(retry_every_s=0.001)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture
def plain(port):
    with redis.Redis(port=port, decode_responses=True) as client:
        client.flushall()
        yield client


@pytest.fixture(params=TWINS)
def make(request, plain):  # noqa: ARG001 - the server is emptied
    """`make(port)` gives a manager there, closed at the end of the test."""
    opened = []
    with asyncio.Runner() as runner:

        def made(port, **options):
            options = {"namespace": "paper:local", "policy": QUICK} | options
            if request.param == "sync":
                opened.append(StateManager("127.0.0.1", port, **options))
            else:
                opened.append(Blocking(AsyncStateManager("127.0.0.1", port, **options), runner))
                opened[-1].reconcile()
            return opened[-1]

        yield made
        for manager in opened:
            manager.close()


def state_of(manager):
    return manager if isinstance(manager, StateManager) else manager._target


def test_what_is_written_is_read_by_another_manager(make, port):
    one, other = make(port), make(port)
    assert one.increment_stat("trades", 5).value == 5
    one.increment_stat("trades", -2)
    one.set_metrics({"total_balance": 12.5, "trades_total": 2**60})
    one.set_heartbeat("feed", status="up")
    one.set_position("BTC", {"quantity": 1.5, "legs": [1, {"side": "long"}], "note": None})
    assert other.get_stat("trades") == 3
    assert other.get_metrics() == {"trades_total": 2**60, "total_balance": 12.5}
    assert other.get_position("BTC") == {"quantity": 1.5, "legs": [1, {"side": "long"}], "note": None}
    found = other.read_heartbeat("feed")
    assert (found.alive, found.status, found.degraded) == (True, "up", False)
    assert abs(other.get_heartbeat("feed") - redis.Redis(port=port).time()[0]) < 5
    assert other.get_position("ETH") is None
    assert (other.get_stat("none"), other.read_heartbeat("none").alive) == (0, False)


def test_what_has_a_time_to_live_has_it_and_the_rest_persists(make, port, plain):
    manager = make(port)
    manager.set_metrics({"total_balance": 1}, ttl_s=600)
    manager.set_heartbeat()
    manager.increment_stat("trades")
    manager.set_position("BTC", {"quantity": 1})
    ttls = {key: plain.ttl(key) for key in plain.keys("paper:*")}
    assert ttls == {
        "paper:local:arbitrage:metrics": 600,
        "paper:local:arbitrage:heartbeat:main": 300,
        "paper:local:arbitrage:stats": -1,
        "paper:local:arbitrage:position:BTC": -1,
    }
    assert [plain.ttl(key) for key in plain.keys("applied:*")] == [86400]


def test_positions_are_written_over_what_was_read_and_keep_no_old_field(make, port, plain):
    one, other = make(port), make(port)
    one.set_position("BTC", {"quantity": 1, "stop": 5})
    with pytest.raises(ConflictError):
        other.set_position("BTC", {"quantity": 2})
    other.set_position("BTC", {"quantity": 2}, over=other.read_position("BTC"))
    assert one.get_position("BTC") == {"quantity": 2}
    assert set(plain.hgetall("paper:local:arbitrage:position:BTC")) == {"quantity", "_version", "_by"}


def test_an_outage_is_served_from_memory_and_reconciled(make, tmp_path):
    """Two managers, a server that ends and starts again with its append-only file."""
    args = ("--appendonly", "yes", "--appendfsync", "always")
    with started(tmp_path, *args) as first:
        one, other = make(first), make(first)
        one.increment_stat("trades", 3)
        other.get_stat("trades")
    assert one.increment_stat("trades", 2).degraded
    assert other.increment_stat("trades", 10).degraded
    one.set_metrics({"total_balance": 1})
    other.set_metrics({"total_balance": 2})
    one.set_position("BTC", {"quantity": 1})
    other.set_position("BTC", {"quantity": 2})
    assert one.set_heartbeat().degraded
    assert not one.read_heartbeat().alive
    assert one.get_position("BTC") == {"quantity": 1}
    assert (state_of(one).mode, one.get_stat("trades"), other.get_stat("trades")) == (Mode.FALLBACK, 5, 13)
    with again(tmp_path, first, *args):
        assert other.reconcile()
        assert one.reconcile()
        assert (one.read_stat("trades").value, one.read_stat("trades").degraded) == (15, False)
        assert other.get_metrics() == {"total_balance": 2}
        found = one.read_position("BTC")
        assert {found.fields["quantity"], *(one.fields["quantity"] for one in found.conflicts)} == {1, 2}
        assert one.read_heartbeat().at_s is None
        one.set_position("BTC", {"quantity": 3}, over=found)
        assert other.get_position("BTC") == {"quantity": 3}


def again(folder, port, *args):
    """A server in the same folder, on the same port."""
    from contextlib import contextmanager

    from pytest_arbredis._clock import wait_until

    @contextmanager
    def running():
        command = ["redis-server", *args, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
        process = subprocess.Popen([*command, "--save", ""], stdout=subprocess.DEVNULL)
        try:
            with redis.Redis(port=port, retry=None) as client:
                wait_until(lambda: answers(client), within_s=10, what="redis-server to answer again")
            yield
        finally:
            process.kill()
            process.wait()

    return running()


def answers(client):
    try:
        return client.ping()
    except redis.RedisError:
        return False


def test_what_is_late_is_not_applied(port, plain):
    """The script itself refuses: a request that was held back on its way arrives after its caller's time."""
    manager = StateManager("127.0.0.1", port, namespace="paper:local")
    late = beat(manager._core, "feed", "up", 300, -1.0)
    with StateRedis(Settings(address=("127.0.0.1", port))) as state, pytest.raises(Exception, match="after its time"):
        state.run(late.ask(manager._core), kind=Kind.FAST)
    assert plain.keys("*heartbeat*") == []
    manager.close()


def test_a_type_of_somebody_elses_is_told_and_is_no_outage(make, port, plain):
    plain.set("paper:local:arbitrage:stats", "text")
    manager = make(port)
    with pytest.raises(RejectedError):
        manager.increment_stat("trades")
    assert state_of(manager).mode is Mode.REDIS


def test_a_server_that_may_evict_is_refused(port, plain):
    """State that is evicted is lost without a word."""
    plain.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(UnsafePolicyError):
            StateManager("127.0.0.1", port)
    finally:
        plain.config_set("maxmemory-policy", "noeviction")


def test_a_server_without_memory_is_read_as_ever(make, port, plain):
    manager = make(port)
    manager.set_metrics({"total_balance": 7})
    manager.set_heartbeat("main", status="up")
    manager.set_position("EURUSD", {"amount": 3})
    plain.config_set("maxmemory", 1)
    try:
        beat_there, there = manager.read_heartbeat("main"), manager.read_position("EURUSD")
        with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as state:
            metrics = MetricsReader(state, namespace="paper:local").read()
    finally:
        plain.config_set("maxmemory", 0)
    assert (beat_there.alive, beat_there.degraded) == (True, False)
    assert (there.fields, there.degraded) == ({"amount": 3}, False)
    assert metrics.values["total_balance"] == 7


def test_threads_count_every_addition_once(port, plain):
    manager = StateManager("127.0.0.1", port)

    def add():
        for _ in range(100):
            manager.increment_stat("trades")

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert manager.get_stat("trades") == 800
    assert len(plain.keys("applied:*")) < 20
    manager.close()


@pytest.mark.usefixtures("plain")
def test_tasks_count_every_addition_once(port):
    async def all_of_them():
        async with AsyncStateManager("127.0.0.1", port) as manager:
            await asyncio.gather(*(manager.increment_stat("trades") for _ in range(200)))
            return await manager.get_stat("trades")

    assert asyncio.run(all_of_them()) == 200


@pytest.mark.usefixtures("plain")
def test_a_process_that_is_killed_leaves_its_journal_to_the_next(tmp_path, port):
    """SIGKILL while Redis cannot be reached; the next process brings what was accepted."""
    path = tmp_path / "journal"
    program = f"""
        from pytest_arbredis.state.manager.manager import StateManager
        from pytest_arbredis.state.manager.opening import Policy
        manager = StateManager("127.0.0.1", {free_port()}, policy=Policy(journal_file={str(path)!r}))
        for _ in range(5):
            manager.increment_stat("trades", 2)
        print("accepted", flush=True)
        import signal
        signal.pause()
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "accepted\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    manager = StateManager("127.0.0.1", port, policy=Policy(journal_file=path))
    assert (manager.get_stat("trades"), manager.waiting) == (10, ())
    manager.close()
