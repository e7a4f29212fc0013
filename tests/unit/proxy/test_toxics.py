"""Toxics: what they tell Toxiproxy, and what is refused where they are made."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.proxy.toxics import LatencyToxic, LimitBytes, ResetPeer


@pytest.mark.parametrize(
    ("toxic", "kind", "attributes"),
    [
        (LatencyToxic(latency_ms=200), "latency", {"latency": 200, "jitter": 0}),
        (LatencyToxic(latency_ms=20, jitter_ms=20), "latency", {"latency": 20, "jitter": 20}),
        (ResetPeer(), "reset_peer", {"timeout": 0}),
        (ResetPeer(after_ms=7), "reset_peer", {"timeout": 7}),
        (LimitBytes(bytes=0), "limit_data", {"bytes": 0}),
    ],
)
def test_a_toxic_says_its_type_stream_and_attributes(toxic, kind, attributes):
    assert (toxic.type, toxic.stream, toxic.attributes) == (kind, "downstream", attributes)


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: LatencyToxic(latency_ms=-1), "latency_ms=-1"),
        (lambda: LatencyToxic(latency_ms=0.5), r"latency_ms=0\.5"),
        (lambda: LatencyToxic(latency_ms=True), "latency_ms=True"),
        (lambda: LatencyToxic(latency_ms=5, jitter_ms=6), "jitter larger than the latency"),
        (lambda: LatencyToxic(latency_ms=5, jitter_ms=-1), "jitter_ms=-1"),
        (lambda: ResetPeer(after_ms="3"), "after_ms='3'"),
        (lambda: LimitBytes(bytes=-1), "bytes=-1"),
    ],
)
def test_misuse_is_refused_where_the_value_is_made(make, named):
    with pytest.raises(UsageError, match=named):
        make()


def test_toxics_are_values():
    assert LatencyToxic(latency_ms=1) == LatencyToxic(latency_ms=1, jitter_ms=0)
    assert len({LimitBytes(bytes=1), LimitBytes(bytes=1)}) == 1
