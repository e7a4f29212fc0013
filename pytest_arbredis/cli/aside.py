"""Where a command says what is not its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def aside() -> Console:
    """For progress: standard error, so that standard output is only the answer."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)
