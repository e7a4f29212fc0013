"""Lengths of time as people write them: `90s`, `15m`, `24h`, `7d`."""

from __future__ import annotations

import re
from typing import Final

from pytest_arbredis.errors import UsageError

UNITS_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_LENGTH: Final = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def seconds_of(text: str) -> float:
    """The seconds of `24h`. Raises `UsageError` for what is none."""
    found = _LENGTH.fullmatch(text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no length of time", remedy="give a number with s, m, h or d, as in 24h")
    return float(found.group(1)) * UNITS_S[found.group(2)]


def text_of(seconds: float) -> str:
    """`30.0 h` of 108000: in the largest unit of which there are two or more, else in seconds."""
    unit = next((unit for unit in ("d", "h", "m") if seconds >= 2 * UNITS_S[unit]), "s")
    return f"{seconds / UNITS_S[unit]:.1f} {unit}"
