"""Longer values: the same plan, values filled up, still unique."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.padded import padded
from pytest_arbredis.load.workloads import unique_writes

SHORT = unique_writes(rate_hz=50, clients=1, read_share=0.3)


def planned(workload):
    return list(workload.plan(client=0, seed=1, run="r", seconds=2))


def test_values_are_filled_up_and_nothing_else_changes():
    short, long = planned(SHORT), planned(padded(SHORT, bytes=40))
    assert [(one.name, one.key, one.offset_ns) for one in short] == [(one.name, one.key, one.offset_ns) for one in long]
    written = [one.input for one in long if one.name == "write"]
    assert {len(value) for value in written} == {40}
    assert len(set(written)) == len(written)
    assert {one.input for one in long if one.name == "read"} == {None}


def test_no_letters_are_no_padding():
    with pytest.raises(UsageError):
        padded(SHORT, bytes=0)
