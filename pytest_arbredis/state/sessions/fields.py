"""Fields of a category: how they lie in its Hash, beside the three that the layer keeps for itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.errors import CorruptedError, MisuseError, TooLargeError
from pytest_arbredis.state.keyspace.limits import MOST_FIELDS
from pytest_arbredis.state.sessions.values import decoded, encoded

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Arg
    from pytest_arbredis.state.sessions.values import Json

VERSION: Final = ":version"
"""Of the save that wrote the category: a number that grows with every save of the session."""

SAVED_MS: Final = ":saved_ms"
"""The server's time of that save, in ms since 1970. Reads do not change it, as they do OBJECT IDLETIME."""

CATEGORIES_OF: Final = ":categories"
"""Names of all categories that the session had then, with commas: what is missing is seen."""

OWN: Final = (VERSION, SAVED_MS, CATEGORIES_OF)
"""A caller's field never begins with a colon: these cannot be mistaken for one."""

LONGEST_NAME: Final = 256

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def words_of(category: str, fields: Mapping[str, object]) -> list[Arg]:
    """The words of HSET for these fields, in their order. Raises `MisuseError` or `TooLargeError`, naming the field."""
    if not isinstance(fields, Mapping):
        raise MisuseError(f"{category} is no mapping but a {type(fields).__name__}", remedy="give {field: value}")
    if len(fields) > MOST_FIELDS - len(OWN):
        raise TooLargeError(
            f"{category} has {len(fields)} fields",
            remedy=f"keep at most {MOST_FIELDS - len(OWN)}: nest some of them in one value",
        )
    words: list[Arg] = []
    for name, value in fields.items():
        wrong = wrong_with_name(name)
        if wrong:
            raise MisuseError(f"{category} has a field {str(name)[:80]!r}: {wrong}", remedy="call it something else")
        words += [name, encoded(value, where=f"the field {name!r} of {category}")]
    return words


def wrong_with_name(name: object) -> str:
    """What a field's name breaks; empty if nothing."""
    if not isinstance(name, str):
        return "its name is no str"
    if not name or len(name) > LONGEST_NAME:
        return f"names have 1 to {LONGEST_NAME} characters"
    if name.startswith(":"):
        return "names that begin with a colon are the layer's own"
    if _CONTROL.search(name):
        return "it has a control character"
    try:
        name.encode()
    except UnicodeEncodeError:
        return "it cannot be encoded as UTF-8"
    return ""


def fields_of(words: list[bytes]) -> tuple[dict[str, bytes], dict[str, Json]]:
    """The layer's own fields, and the caller's, decoded, of a reply to HGETALL. Raises `CorruptedError`."""
    own: dict[str, bytes] = {}
    fields: dict[str, Json] = {}
    for name_said, value in zip(words[::2], words[1::2], strict=True):
        name = name_said.decode(errors="backslashreplace")
        if name in OWN:
            own[name] = value
            continue
        try:
            fields[name] = decoded(value)
        except ValueError as error:
            raise CorruptedError(f"the field {name!r} is not JSON", remedy="save the session again") from error
    return own, fields
