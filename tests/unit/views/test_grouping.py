"""Items of one key together, and nothing moved without need."""

from __future__ import annotations

import random
from itertools import groupby

import pytest

from pytest_arbredis.views.grouping import grouped


def key(item: str) -> str | None:
    return None if item[0] == "-" else item[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("a1 a2 b1", "a1 a2 b1"),
        ("a1 -1 a2 -2 b1 -3", "a1 -1 a2 -2 b1 -3"),
        ("a1 b1 a2 b2 a3", "a1 a2 a3 b1 b2"),
        ("-1 b1 -2 a1 -3 b2 -4", "-1 b1 b2 -2 a1 -3 -4"),
        ("a1 a2 b1 -1 b2 a3", "a1 a2 a3 b1 -1 b2"),
    ],
)
def test_only_what_comes_back_to_a_key_moves(before, after):
    assert grouped(before.split(), key) == after.split()


@pytest.mark.parametrize("seed", range(20))
def test_any_order_is_grouped_and_stays_stable(seed):
    items = [f"{'-abc'[number % 4]}{number}" for number in range(60)]
    random.Random(seed).shuffle(items)
    after = grouped(items, key)
    assert sorted(after) == sorted(items)
    assert [one for one, _ in groupby(filter(None, map(key, after)))] == list(
        dict.fromkeys(filter(None, map(key, items)))
    )
    for group in "abc-":
        assert [item for item in after if item[0] == group] == [item for item in items if item[0] == group]
