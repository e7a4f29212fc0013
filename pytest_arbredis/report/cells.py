"""Text in the cells of a terminal: some characters take two, some none. What is padded by these stands aligned."""

from __future__ import annotations

from unicodedata import category, east_asian_width

_ELLIPSIS = "…"


def cells(text: str) -> int:
    """How many cells a line of text takes."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


def padded(text: str, width: int, *, right: bool = False) -> str:
    """The text with spaces to fill `width` cells; before it, if it stands to the right."""
    spaces = " " * (width - cells(text))
    return spaces + text if right else text + spaces


def fitted(text: str, width: int, *, ellipsis: str = _ELLIPSIS) -> str:
    """At most `width` cells of the text; a cut is shown by an ellipsis, where there is room for one."""
    if cells(text) <= width:
        return text
    room, kept = width - cells(ellipsis), ""
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        kept += character
    return (kept + ellipsis)[: max(0, width)]


def _cells_of(character: str) -> int:
    if category(character) in ("Mn", "Me"):
        return 0
    return 2 if east_asian_width(character) in "WF" else 1
