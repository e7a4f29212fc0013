"""What a load gives: one version of a session, or an error that says which categories are not of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.state.errors import CorruptedError
from pytest_arbredis.state.keyspace.parts import CATEGORIES
from pytest_arbredis.state.sessions.fields import CATEGORIES_OF, SAVED_MS, VERSION, fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_arbredis.state.sessions.values import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What a save was given by the server: its version, and its time there (ms since 1970)."""

    version: int
    saved_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A session as one save left it."""

    version: int
    saved_ms: int
    categories: dict[str, dict[str, Json]]


class TornSessionError(CorruptedError):
    """A session is not what one save wrote. `wrong` says why, by category; `readable` are those of the newest version.

    Nothing of it is given as the result of a load: what to do with half of a session is the caller's to decide.
    """

    def __init__(self, wrong: Mapping[str, str], readable: Mapping[str, dict[str, Json]]) -> None:
        told = "; ".join(f"{category} {why}" for category, why in wrong.items())
        super().__init__(f"the session is not of one save: {told}", remedy="save it again, or delete it")
        self.wrong = dict(wrong)
        self.readable = dict(readable)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Category:
    version: int
    saved_ms: int
    beside: tuple[str, ...]
    fields: dict[str, Json]


def snapshot_of(replies: Sequence[list[bytes] | bytes]) -> Snapshot | None:
    """The session whose categories lie so in Redis, None if there is none. Raises `TornSessionError`.

    A reply is what HGETALL says of the category in that place of `CATEGORIES`, or the error of it.
    """
    found: dict[str, _Category] = {}
    wrong: dict[str, str] = {}
    for name, reply in zip(CATEGORIES, replies, strict=True):
        try:
            if reply:
                found[name] = _category(reply)
        except CorruptedError as error:
            wrong[name] = error.cause
    if not found and not wrong:
        return None
    newest = max((category.version for category in found.values()), default=0)
    for name, category in found.items():
        if category.version != newest:
            wrong[name] = f"is of version {category.version}, others of {newest}"
        wrong.update({other: "is missing" for other in category.beside if other not in found and other not in wrong})
    if wrong:
        readable = {name: category.fields for name, category in found.items() if category.version == newest}
        raise TornSessionError(wrong, readable)
    saved_ms = max(category.saved_ms for category in found.values())
    return Snapshot(
        version=newest, saved_ms=saved_ms, categories={name: category.fields for name, category in found.items()}
    )


def unchecked(replies: Sequence[list[bytes] | bytes]) -> Snapshot | None:
    """Whatever lies there, as if it were one version: what a load without its hardening believes."""
    found = {name: _category(reply) for name, reply in zip(CATEGORIES, replies, strict=True) if reply}
    if not found:
        return None
    last = max(found.values(), key=lambda category: category.version)
    return Snapshot(
        version=last.version,
        saved_ms=last.saved_ms,
        categories={name: category.fields for name, category in found.items()},
    )


def _category(reply: list[bytes] | bytes) -> _Category:
    """One category. Raises `CorruptedError` that says what is wrong with it."""
    if isinstance(reply, bytes):
        raise CorruptedError(f"cannot be read: {reply.decode(errors='backslashreplace')}")
    own, fields = fields_of(reply)
    try:
        return _Category(
            version=int(own[VERSION]),
            saved_ms=int(own[SAVED_MS]),
            beside=tuple(own[CATEGORIES_OF].decode().split(",")),
            fields=fields,
        )
    except (KeyError, ValueError) as error:
        raise CorruptedError("has no version: something else wrote it") from error
