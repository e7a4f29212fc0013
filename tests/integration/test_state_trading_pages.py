"""The examples of the pages on credentials, trading, engine and cache run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "state"

pytestmark = pytest.mark.arbredis(topology="single")


@pytest.mark.parametrize("page", ["credentials", "trading", "engine", "cache"])
def test_the_example_of_a_page_runs(redis_direct_url, page):
    text = (PAGES / f"{page}.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    port = redis_direct_url.rpartition(":")[2].partition("/")[0]
    here = block.replace('"localhost"', '"127.0.0.1"').replace("redis://localhost:6380/0", redis_direct_url)
    here = here.replace("6380", port)
    assert here != block
    exec(here, {})  # noqa: S102 - our own page
