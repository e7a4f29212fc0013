"""What an input, or an element of a list that was read back, says: a plain value, an object, or its JSON."""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json

Side = Literal["input", "output"]
"""Where an operation carries what is judged: in what it was given, or in what it answered."""


def field_of(value: Json, field: str) -> Json:
    """The field of an object, or of an object written as JSON (None if it has no such field); else the value itself."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return value
    return value.get(field) if isinstance(value, dict) else value


def number_of(value: Json) -> Decimal | None:
    """A finite number, as it was written (0.1 is exactly a tenth); None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | bytes):
        return None
    try:
        number = Decimal(value.decode() if isinstance(value, bytes) else str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None
