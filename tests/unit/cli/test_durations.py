"""Lengths of time on a command line."""

from __future__ import annotations

import pytest

from pytest_arbredis.cli.durations import seconds_of, text_of
from pytest_arbredis.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("15m", 900), ("24h", 86400), ("7d", 604800), ("1.5h", 5400)]
)
def test_a_length_is_in_seconds(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "24 h", "1w", "1h30m", "inf"])
def test_anything_else_is_refused_with_an_example(text):
    with pytest.raises(UsageError, match="24h"):
        seconds_of(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0 s"), (119, "119.0 s"), (168, "2.8 m"), (7200, "2.0 h"), (108000, "30.0 h"), (604800, "7.0 d")],
)
def test_a_length_is_told_in_the_largest_unit_of_which_there_are_two(seconds, text):
    assert text_of(seconds) == text
