"""Toxics: what they tell Toxiproxy, and what is refused where they are made."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.proxy.toxics import (
    BandwidthToxic,
    Drop,
    Hold,
    LatencyToxic,
    LimitBytes,
    ResetPeer,
    Slicer,
    SlowClose,
)


@pytest.mark.parametrize(
    ("toxic", "kind", "attributes"),
    [
        (LatencyToxic(latency_ms=200), "latency", {"latency": 200, "jitter": 0}),
        (LatencyToxic(latency_ms=20, jitter_ms=20), "latency", {"latency": 20, "jitter": 20}),
        (ResetPeer(), "reset_peer", {"timeout": 0}),
        (ResetPeer(after_ms=7), "reset_peer", {"timeout": 7}),
        (LimitBytes(bytes=0), "limit_data", {"bytes": 0}),
        (BandwidthToxic(kb_per_s=100), "bandwidth", {"rate": 100}),
        (Drop(), "timeout", {"timeout": 0}),
        (SlowClose(delay_ms=0), "slow_close", {"delay": 0}),
        (Slicer(bytes=8, delay_us=3), "slicer", {"average_size": 8, "size_variation": 0, "delay": 3}),
    ],
)
def test_a_toxic_says_its_type_stream_and_attributes(toxic, kind, attributes):
    assert (toxic.type, toxic.stream, toxic.attributes) == (kind, "downstream", attributes)


@pytest.mark.parametrize("make", [Hold, Drop, lambda **stream: SlowClose(delay_ms=5, **stream)])
@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_toxic_of_either_direction_says_which(make, stream):
    assert make(stream=stream).stream == stream


def test_what_is_held_is_held_until_the_toxic_is_removed():
    assert (Hold().type, Hold().stream, Hold().attributes) == (
        "latency",
        "upstream",
        {"latency": 86_400_000, "jitter": 0},
    )


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
        (lambda: BandwidthToxic(kb_per_s=0), "kb_per_s=0"),
        (lambda: SlowClose(delay_ms=-1), "delay_ms=-1"),
        (lambda: Slicer(bytes=0), "bytes=0"),
        (lambda: Slicer(bytes=1, delay_us=-1), "delay_us=-1"),
    ],
)
def test_misuse_is_refused_where_the_value_is_made(make, named):
    with pytest.raises(UsageError, match=named):
        make()


def test_toxics_are_values():
    assert LatencyToxic(latency_ms=1) == LatencyToxic(latency_ms=1, jitter_ms=0)
    assert len({LimitBytes(bytes=1), LimitBytes(bytes=1)}) == 1
