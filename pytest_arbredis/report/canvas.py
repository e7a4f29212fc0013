"""What a terminal can show: its width, and lines drawn by box-drawing characters or, where it lacks them, by ASCII."""

from __future__ import annotations

import sys
from dataclasses import dataclass

WIDTH = 100
"""Columns of a text that is written to be read anywhere."""

_ASCII = str.maketrans({"→": "->", "…": "~", "·": "-", "µ": "u", "≥": ">=", "≤": "<="})


@dataclass(frozen=True, slots=True, kw_only=True)
class Strokes:
    """The characters of a drawing, each one cell wide."""

    begin: str
    solid: str
    end: str
    instant: str
    failed: str
    unknown: str
    open: str
    onward: str
    before: str
    fault: str
    unseen: str
    cut: str
    axis: str
    tick: str


BOX = Strokes(
    begin="├",
    solid="─",
    end="┤",
    instant="┼",
    failed="✗",
    unknown="?",
    open="╌",
    onward="→",
    before="←",
    fault="▒",
    unseen="░",
    cut="┆",
    axis="─",
    tick="┴",
)
ASCII = Strokes(
    begin="[",
    solid="-",
    end="]",
    instant="*",
    failed="x",
    unknown="?",
    open=".",
    onward=">",
    before="<",
    fault="#",
    unseen="=",
    cut=":",
    axis="-",
    tick="+",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Canvas:
    """What is drawn on: so many columns, by these strokes."""

    width: int = WIDTH
    strokes: Strokes = BOX

    def written(self, text: str) -> str:
        """The text in characters that it can show."""
        return text if self.strokes is BOX else in_ascii(text)

    def narrower(self, by: int) -> Canvas:
        """The same for text that stands so many columns to the right."""
        return Canvas(width=self.width - by, strokes=self.strokes)


def canvas_for(encoding: str | None, *, width: int = WIDTH) -> Canvas:
    """The canvas of a terminal or file with this encoding (none is known: UTF-8)."""
    strokes = "".join(getattr(BOX, name) for name in Strokes.__slots__)
    try:
        strokes.encode(encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return Canvas(width=width, strokes=ASCII)
    return Canvas(width=width)


def canvas_here() -> Canvas:
    """The canvas of this process's own standard output, whoever captures it at present."""
    return canvas_for(getattr(sys.__stdout__, "encoding", None))


def in_ascii(text: str) -> str:
    """The text with its arrows and dots in ASCII, and what else is not as escapes."""
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode()
