"""What a benchmark's exit status says: 1 if a goal was missed, so that `make bench` fails. The JSON is written before.

`not measured` (with --quick, mostly) and `inconclusive` (the machine's own noise) miss nothing: the JSON has the word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MISSED = "missed"


def status(verdicts: Iterable[object]) -> int:
    """1 if one of them says that its goal was missed, else 0."""
    return 1 if MISSED in set(verdicts) else 0
