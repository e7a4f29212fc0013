"""Sentinel's configuration and timings."""

from __future__ import annotations

from pathlib import Path

from pytest_arbredis.servers.sentinel import TIMINGS, sentinel_conf


def conf(**more):
    return sentinel_conf(port=20005, directory=Path("/data/s 1"), **more).splitlines()


def test_a_sentinel_listens_on_loopback_stays_in_front_and_monitors_nothing_yet():
    lines = conf()
    assert {"port 20005", "bind 127.0.0.1", "daemonize no", 'dir "/data/s 1"', 'logfile ""'} <= set(lines)
    assert not [line for line in lines if line.startswith("sentinel ")]


def test_a_sentinel_behind_a_proxy_announces_the_proxy():
    assert not [line for line in conf() if "announce" in line]
    lines = conf(announce=("127.0.0.1", 20030))
    assert {"sentinel announce-ip 127.0.0.1", "sentinel announce-port 20030"} <= set(lines)


def test_production_timing_is_that_of_a_deployment():
    production = TIMINGS["production"]
    assert (production.down_after(2, quorum=2), production.failover_timeout_ms, production.debug) == (5000, 10000, ())


def test_fast_timing_keeps_the_bounds_below_which_failovers_break():
    fast = TIMINGS["fast"]
    assert fast.name == "fast"
    assert dict(fast.debug)["ping-period"] >= 250
    assert fast.failover_timeout_ms >= 3000


def test_sentinels_beyond_the_quorum_notice_later_so_that_no_vote_is_split():
    timing = TIMINGS["fast"]
    assert [timing.down_after(index, quorum=2) for index in range(3)] == [500, 500, 1000]
    assert [timing.down_after(index, quorum=3) for index in range(5)] == [500, 500, 500, 1000, 1000]
