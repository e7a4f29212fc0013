from __future__ import annotations

from pytest_arbredis.history.history import History
from pytest_arbredis.history.records import Header
from pytest_arbredis.report.story import story


def test_a_failing_test_is_told_what_its_servers_went_through(failover_history):
    text = story({"redis": "7.0.15"}, failover_history, {"n0": "* Ready\n\x1b[0m# bye redis://:pw@h\n", "n1": ""})
    for part in (
        "on: redis 7.0.15",
        "2.000 s  crash primary (node-1)",
        "node-2: replica → primary",
        "+switch-master (sentinel-",
        "last log lines of n0:\n  * Ready\n  \\x1b[0m# bye redis://***@h",
    ):
        assert part in text
    assert "n1" not in text


def test_a_test_without_faults_and_events_is_told_so():
    text = story({}, History.of(Header(run="r"), []), {})
    assert "none was injected" in text
    assert "no role changed" in text
