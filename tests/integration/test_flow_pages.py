"""The examples of the pages on the layer, the queue, channels, limits and locks run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "state"
ADDRESS = "redis://localhost:6380/0"


@pytest.mark.arbredis(topology="single")
@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("queue", "do {'order': 'buy', 'symbol': 'BTC'} - given 1 times"),
        ("channels", "1 {'bid': 1.0842}"),
        ("limits", "send it; 9 more may pass now"),
        ("locks", ""),
        ("README", ""),
    ],
)
def test_the_example_runs(page, says, redis_direct_url, capsys):
    text = (PAGES / f"{page}.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert ADDRESS in block
    exec(block.replace(ADDRESS, redis_direct_url), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out.strip() == says


@pytest.mark.arbredis(topology="single")
def test_the_examples_of_connections_run(redis_direct_url, monkeypatch, capsys):
    monkeypatch.setenv("REDIS_URL", redis_direct_url)
    text = (PAGES / "connections.md").read_text("utf-8")
    for block in re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        exec(block.replace(ADDRESS, redis_direct_url), {})  # noqa: S102 - our own page
    assert capsys.readouterr().out == "closed\n"
