"""How values are written for people: one line, no control characters, no passwords, units behind figures."""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from collections.abc import Mapping

import orjson

_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.IGNORECASE)
_UNITS = {"ms": "ms", "s": "s", "us": "µs", "ns": "ns", "hz": "Hz", "bytes": "bytes", "percent": "%"}
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that act on a terminal or on the direction of text instead of showing something."""


def redacted(text: str) -> str:
    """The text with the credentials of every URL in it replaced by `***`."""
    return _CREDENTIALS.sub(r"\1***@", text)


def printable(text: str, *, newlines: bool = False) -> str:
    """Redacted text in which control and direction characters are shown as escapes.

    A key or an error message may hold anything, terminal sequences too. `newlines` keeps line breaks as they are.
    """
    return "".join(
        character
        if unicodedata.category(character) not in _HIDDEN or (newlines and character == "\n")
        else character.encode("unicode_escape", "surrogatepass").decode("ascii")
        for character in redacted(text)
    )


def shortened(text: str, limit: int) -> str:
    """At most `limit` characters; a cut is shown by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def abridged(text: str, limit: int) -> str:
    """At most `limit` characters, its beginning and its end: names of one run begin alike, and differ at the end."""
    if len(text) <= limit:
        return text
    tail = (limit - 1) * 3 // 5
    return f"{text[: limit - 1 - tail]}…{text[len(text) - tail :]}"


def shown(value: object, *, limit: int = 40) -> str:
    """A value of a record in one line of at most `limit` characters; nothing at all is `-`."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = value
    elif isinstance(value, bytes):
        text = value.decode("utf-8", "backslashreplace")
    elif isinstance(value, float):
        text = f"{value:.4g}"
    elif isinstance(value, (list, tuple, Mapping)):
        text = json_bytes(value).decode()
    else:
        text = str(value)
    return shortened(printable(text), limit)


def parameters(params: Mapping[str, object]) -> str:
    """The parameters of a fault, such as `delay 200 ms, jitter 20 ms`."""
    return ", ".join(figure(name, value) for name, value in params.items() if value is not None)


def figure(name: str, value: object) -> str:
    """A figure with its unit, taken from the end of its name: `rpo_ms`, 212 gives `rpo 212 ms`."""
    stem, _, suffix = name.rpartition("_")
    unit = _UNITS.get(suffix) if stem else None
    if name in _UNITS:
        return f"{shown(value)} {_UNITS[name]}"
    if unit is None or value is None:
        return f"{printable(stem if unit else name).replace('_', ' ')} {shown(value)}"
    return f"{printable(stem).replace('_', ' ')} {shown(value)} {unit}"


def json_bytes(value: object, *, indent: bool = False) -> bytes:
    """JSON of anything that a record or a figure may hold; URLs in it are redacted.

    Bytes that are not UTF-8 become `{"$bytes": base64}`, integers beyond 64 bits and unpaired surrogates become text.
    """
    return orjson.dumps(_plain(value), option=orjson.OPT_INDENT_2 if indent else None)


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(_plain(str(key))): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes):
        return _text_or_base64(value)
    if isinstance(value, str):
        return redacted(value).encode("utf-8", "backslashreplace").decode()
    if value is None or isinstance(value, (bool, int, float)):
        return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value
    return _plain(value.item()) if hasattr(value, "item") else str(value)


def _text_or_base64(value: bytes) -> object:
    try:
        return redacted(value.decode())
    except UnicodeDecodeError:
        return {"$bytes": b64encode(value).decode("ascii")}
