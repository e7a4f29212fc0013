"""Values of fields as JSON: what goes in comes out, with its type; whatever would not is refused before it is sent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import orjson

from pytest_arbredis.state.errors import MisuseError, TooLargeError
from pytest_arbredis.state.keyspace.limits import LARGEST_BYTES

if TYPE_CHECKING:
    from typing import TypeAlias

    Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"
    """What a field may hold."""

DEEPEST: Final = 100
"""Lists and mappings within one another; orjson ends at 254."""

_PLAIN: Final = frozenset({str, int, bool, type(None)})
_REMEDY: Final = (
    "give str, int of 64 bits, finite float, bool, None, or a list or dict of these; a Decimal as its str or scaled int"
)


def encoded(value: object, *, where: str) -> bytes:
    """`value` as JSON. Raises `MisuseError` for what JSON would not give back as it is, `TooLargeError` above 1 MB.

    `where` names the field in the message; the value itself is never shown.
    """
    wrong = _wrong_with(value, 0)
    if wrong:
        raise MisuseError(f"{where} has {wrong}", remedy=_REMEDY)
    try:
        said = orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise MisuseError(f"{where} is no JSON: {error}", remedy=_REMEDY) from error
    if len(said) > LARGEST_BYTES:
        raise TooLargeError(
            f"{where} has {len(said)} bytes of JSON", remedy=f"keep it at or below {LARGEST_BYTES}, or split it"
        )
    return said


def decoded(said: bytes) -> Json:
    """The value of JSON. Raises `ValueError` if it is none."""
    value: Json = orjson.loads(said)
    return value


def _wrong_with(value: object, depth: int) -> str:
    """What JSON would not give back; empty if nothing."""
    kind = type(value)
    if kind in _PLAIN:
        return ""
    if kind is float:
        return "" if math.isfinite(value) else f"the number {value!r}"  # type: ignore[arg-type]
    if depth >= DEEPEST:
        return f"more than {DEEPEST} levels"
    if isinstance(value, list) and kind is list:
        return next(filter(None, (_wrong_with(one, depth + 1) for one in value)), "")
    if isinstance(value, dict) and kind is dict:
        if any(type(name) is not str for name in value):
            return "a mapping with a key that is no str"
        return next(filter(None, (_wrong_with(one, depth + 1) for one in value.values())), "")
    return f"a {kind.__name__}"
