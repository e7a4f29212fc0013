"""docs/plugin.md is true: every block of it runs, and its table names every argument of the marker."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_arbredis.views.marker import MEANS, TOPOLOGY

PAGE = (Path(__file__).parent.parent.parent / "docs" / "plugin.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.thorough
def test_every_block_runs(inner, pytester):
    pytester.makepyfile(**{f"test_{number}": block for number, block in enumerate(BLOCKS)})
    result = inner("-p", "no:xdist", "-rs")
    outcomes = result.parseoutcomes()
    skipped = outcomes.pop("skipped", 0)  # a budget, on a machine with that much noise
    assert skipped <= 1
    assert outcomes == {"passed": sum(block.count("def test_") for block in BLOCKS) - skipped}


def test_the_table_has_every_argument_of_the_marker():
    rows = PAGE.split("| argument | |", 1)[1].split("\n\n", 1)[0]
    told = [name for row in re.findall(r"^\| (`[^|]+) \|", rows, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted((*TOPOLOGY, *MEANS))
