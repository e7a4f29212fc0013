"""What must be true of a key that lies in Redis: its name, its type, its time to live, its size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from pytest_arbredis.state.keyspace.limits import LARGEST_BYTES, MOST_FIELDS
from pytest_arbredis.state.keyspace.patterns import pattern_of

if TYPE_CHECKING:
    from pytest_arbredis.state.keyspace.pattern import KeyPattern

Rule = Literal["grammar", "type", "ttl", "size"]

TTL_SLACK: Final = 1.1
"""A time to live may be a tenth longer than its pattern says: caches spread theirs, so that not all end at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A key as it lies in Redis.

    `ttl_ms` is None if it persists. `elements` are fields of a Hash; `largest_bytes` is the longest value of a Hash or
    the length of a string, where that was looked at.
    """

    key: str
    type: str
    ttl_ms: int | None = None
    elements: int = 0
    largest_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A rule that a key breaks, and how."""

    key: str
    rule: Rule
    why: str


def breaches(found: Found) -> tuple[KeyPattern | None, tuple[Breach, ...]]:
    """The pattern of a key, None if it has none, and every rule that it breaks."""
    matched = pattern_of(found.key)
    if matched is None:
        return None, (Breach(key=found.key, rule="grammar", why="no pattern has such keys"), *_of_size(found))
    pattern = matched[0]
    wrong: list[Breach] = []
    if found.type not in (pattern.type, *pattern.also):
        types = " or ".join((pattern.type, *pattern.also))
        wrong.append(Breach(key=found.key, rule="type", why=f"it is a {found.type}, and should be a {types}"))
    ttl = _wrong_with_ttl(pattern, found.ttl_ms)
    if ttl:
        wrong.append(Breach(key=found.key, rule="ttl", why=ttl))
    return pattern, (*wrong, *_of_size(found))


def _wrong_with_ttl(pattern: KeyPattern, ttl_ms: int | None) -> str:
    if pattern.ttl_s is None:
        return (
            "" if ttl_ms is None or pattern.may_expire else f"it expires in {ttl_ms / 1000:.0f} s, and should persist"
        )
    if ttl_ms is None:
        return f"it never expires, and should live {pattern.ttl_s} s"
    if ttl_ms > pattern.ttl_s * 1000 * TTL_SLACK:
        return f"it expires in {ttl_ms / 1000:.0f} s, and should live {pattern.ttl_s} s"
    return ""


def _of_size(found: Found) -> tuple[Breach, ...]:
    wrong: list[Breach] = []
    if found.type == "hash" and found.elements > MOST_FIELDS:
        why = f"it has {found.elements} fields, and may have {MOST_FIELDS}"
        wrong.append(Breach(key=found.key, rule="size", why=why))
    if found.largest_bytes > LARGEST_BYTES:
        why = f"it has a value of {found.largest_bytes} bytes, above {LARGEST_BYTES}"
        wrong.append(Breach(key=found.key, rule="size", why=why))
    return tuple(wrong)
