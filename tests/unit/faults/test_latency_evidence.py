"""Latency is seen by its fixed part and by its middle: one slow PING on a busy machine is no evidence."""

from __future__ import annotations

import pytest

from pytest_arbredis.faults import latency
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.latency import Latency
from pytest_arbredis.faults.probe import Contrast, Ping


class Node:
    name = "n0"


@pytest.mark.parametrize(
    ("fault", "through", "seen"),
    [
        (Latency(ms=200), (201.0, 203.0), "n0: probe 203 ms against 0.2 ms directly"),
        (Latency(ms=200), (0.4, 0.9), ""),
        (Latency(ms=200), (0.4, 203.0), ""),
        (Latency(ms=20, jitter_ms=20), (0.5, 19.0), "n0: probe 19 ms against 0.2 ms directly"),
        (Latency(ms=20, jitter_ms=20), (1.4, 2.0), ""),
        (Latency(ms=1), (1.2, 1.4), "n0: probe 1 ms against 0.2 ms directly"),
        (Latency(ms=1), (0.3, 0.5), ""),
    ],
)
def test_evidence_of_latency(monkeypatch, fault, through, seen):
    least, median = through
    found = Contrast(
        through=Ping(ending="answered", after_ms=least, median_ms=median),
        direct=Ping(ending="answered", after_ms=0.1, median_ms=0.2),
    )
    monkeypatch.setattr(latency, "contrast", lambda *_, **__: found)
    assert fault.observe(Site(deployment=None, nodes=(Node(),))) == seen


def test_no_answer_is_no_evidence_of_latency(monkeypatch):
    silent = Ping(ending="silent", after_ms=900.0)
    answered = Ping(ending="answered", after_ms=0.1, median_ms=0.2)
    monkeypatch.setattr(latency, "contrast", lambda *_, **__: Contrast(through=silent, direct=answered))
    assert Latency(ms=200).observe(Site(deployment=None, nodes=(Node(),))) == ""
