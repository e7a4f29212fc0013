"""The formats of metrics: what stands in them, and what may not."""

from __future__ import annotations

import json
import sys

import pytest

from pytest_arbredis.state.connections.driving import drive
from pytest_arbredis.state.errors import CorruptedError, MisuseError
from pytest_arbredis.state.manager.naming import namespace_of
from pytest_arbredis.state.manager.values import METRICS
from pytest_arbredis.state.metrics.formats import FORMATS, GROUPS, HELP, as_prometheus
from pytest_arbredis.state.metrics.reader import Metrics, reading

SOME = {"trades_total": 3, "last_heartbeat": 1000.5, "total_balance": -1.25}


def metrics(values, key_prefix="arbitrage"):
    return Metrics(mode="live", env="docker", key_prefix=key_prefix, at_s=1003.0, values=values)


def test_every_metric_has_a_group_and_a_meaning():
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(METRICS) == sorted(HELP)


def test_the_table_is_grouped_and_has_the_time_of_the_query():
    told = FORMATS["table"](metrics(SOME))
    assert told.splitlines()[0] == "live:docker (arbitrage) at 1970-01-01T00:16:43.000+00:00"
    assert "trades\n  trades_total                   = 3\n" in told
    assert "(2.5 s ago)" in told
    assert "safety" not in told


def test_json_is_one_object():
    told = json.loads(FORMATS["json"](metrics(SOME)))
    assert told == {"namespace": "live:docker", "timestamp": "1970-01-01T00:16:43.000+00:00", "metrics": SOME}


def test_log_lines_say_what_they_are():
    assert FORMATS["log"](metrics(SOME)).splitlines() == [
        "[METRICS] trades_total=3",
        "[METRICS] last_heartbeat=1000.5",
        "[METRICS] total_balance=-1.25",
    ]


def test_prometheus_has_counters_gauges_and_escaped_labels():
    """No grammar of ours lets a quote into a key prefix today; the format must not depend on that."""
    lines = as_prometheus(metrics(SOME, key_prefix='a"\n\\b')).splitlines()
    assert "# TYPE arbitrage_trades_total counter" in lines
    assert "# TYPE arbitrage_last_heartbeat gauge" in lines
    assert 'arbitrage_total_balance{env="docker",key_prefix="a\\"\\n\\\\b",mode="live"} -1.25' in lines


def test_without_prometheus_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(MisuseError, match=r"\[state\]"):
        as_prometheus(metrics(SOME))


@pytest.mark.parametrize("name", FORMATS)
def test_no_metrics_are_no_error(name):
    told = FORMATS[name](metrics({}))
    assert "total" not in told


def read(raw, beat=()):
    return drive(reading(namespace_of("live:docker", "arbitrage")), lambda _: [[b"5", b"250000"], raw, list(beat)])


def test_metrics_are_read_in_their_order_without_the_managers_own_fields():
    found = read([b"total_balance", b"2", b"_at.total_balance", b"17", b"trades_total", b"1", b"other", b"x"])
    assert (list(found.values.items()), found.at_s) == ([("trades_total", 1), ("total_balance", 2)], 5.25)


def test_the_heartbeat_of_main_stands_for_one_that_nobody_set():
    beat = [b"at", b"4000000", b"by", b"x", b"status", b""]
    assert read([], beat).values == {"last_heartbeat": 4.0}
    assert read([b"last_heartbeat", b"3"], beat).values == {"last_heartbeat": 3}


@pytest.mark.parametrize("raw", [b"many", b"", b"null", b"true", b'"1"', b"[1]"])
def test_what_is_no_number_is_corrupted(raw):
    with pytest.raises(CorruptedError, match="trades_total"):
        read([b"trades_total", raw])
