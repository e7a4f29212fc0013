"""JSON by orjson, of values that come back as they went: what would come back as something else is refused."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import orjson

from pytest_arbredis.state.errors import CorruptedError, MisuseError, TooLargeError

MOST_BYTES: Final = 1_000_000
"""Bytes of one JSON value (design 1: no value over 1 MB)."""

DEEPEST: Final = 100
"""Levels of nesting; orjson itself ends at 254."""

Json = Any
"""None, bool, int, float, str, lists of these, and mappings of str to these."""


def encoded(value: Json, *, of: str) -> bytes:
    """`value` as JSON; `of` names it in errors, which never show it.

    Raises `MisuseError` for what JSON cannot say: NaN and infinities (they would become null), Decimal, a key that is
    no string. Raises `TooLargeError` above `MOST_BYTES`.
    """
    _require_plain(value, of=of, depth=0)
    try:
        raw = orjson.dumps(value)
    except (TypeError, ValueError, RecursionError):
        raise MisuseError(f"{of} is no JSON", remedy="integers have at most 64 bits, texts are Unicode") from None
    if len(raw) > MOST_BYTES:
        raise TooLargeError(f"{of} has {len(raw)} bytes as JSON", remedy=f"store at most {MOST_BYTES}")
    return raw


def decoded(raw: bytes, *, key: str) -> Json:
    """What `encoded` wrote; raises `CorruptedError` that names the key, and does not show what lies there."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise CorruptedError(
            f"{key} holds {len(raw)} bytes that are no JSON", remedy="somebody else wrote it: look, then write it again"
        ) from None


def decoded_object(raw: bytes, *, key: str) -> dict[str, Json]:
    """As `decoded`, where an object must lie."""
    value = decoded(raw, key=key)
    if not isinstance(value, dict):
        raise CorruptedError(
            f"{key} holds a JSON {type(value).__name__}, no object", remedy="somebody else wrote it: write it again"
        )
    return value


def decoded_text(raw: bytes, *, key: str) -> str:
    """Text as it lies in Redis; raises `CorruptedError` for what is not UTF-8."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise CorruptedError(f"{key} holds bytes that are no text", remedy="somebody else wrote it") from None


def _require_plain(value: Json, *, of: str, depth: int) -> None:
    if depth > DEEPEST:
        raise MisuseError(f"{of} is nested deeper than {DEEPEST} levels", remedy="flatten it")
    if value is None or isinstance(value, bool | int | str):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise MisuseError(f"{of} has a {value}, which JSON does not know", remedy="give a finite number, or None")
        return
    if isinstance(value, list | tuple):
        for one in value:
            _require_plain(one, of=of, depth=depth + 1)
        return
    if isinstance(value, Mapping):
        for name, one in value.items():
            if not isinstance(name, str):
                raise MisuseError(f"{of} has a key of type {type(name).__name__}", remedy="JSON has keys of text only")
            _require_plain(one, of=of, depth=depth + 1)
        return
    raise MisuseError(
        f"{of} has a {type(value).__name__}, which JSON does not know", remedy="give numbers, texts, lists, mappings"
    )
