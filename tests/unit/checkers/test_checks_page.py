"""docs/checks.md says what the checks say of themselves, and what the corpus proves."""

from __future__ import annotations

import importlib.util
from pathlib import Path

PROGRAM = Path(__file__).parents[3] / "docs" / "build_checks.py"


def test_the_page_is_up_to_date():
    spec = importlib.util.spec_from_file_location("build_checks", PROGRAM)
    page = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(page)
    assert page.PAGE.read_text("utf-8") == page.render(), "run: python docs/build_checks.py"
