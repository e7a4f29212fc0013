"""A pattern of keys: literal words and named parts between colons, and what must be true of a key of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from pytest_arbredis.state.errors import KeyRefusedError
from pytest_arbredis.state.keyspace.parts import require_part, wrong_with

Type = Literal["string", "hash", "list", "set", "zset", "stream"]
"""As the command TYPE names them."""

_PART = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPattern:
    """`grammar` such as `user:{id}:settings`; `{rest}` at its end stands for one or more parts.

    `ttl_s` is the time to live in seconds that a key is given, and None for keys that persist unless they
    `may_expire`. `also` are other types that such keys may have. `design` is the number of the section of the
    specification that asks for it.
    """

    grammar: str
    type: Type
    design: int
    holds: str
    ttl_s: int | None = None
    may_expire: bool = False
    also: tuple[Type, ...] = ()
    parts: tuple[str, ...] = field(init=False)
    _regex: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(_PART.findall(self.grammar)))
        object.__setattr__(self, "_regex", re.compile(_regex_of(self.grammar), re.DOTALL))

    def key(self, *rest: str, **parts: str) -> str:
        """The key with these parts, `rest` at its end; raises `KeyRefusedError` for a bad, missing or unknown part."""
        known = [name for name in self.parts if name != "rest"]
        for name in parts:
            if name not in known:
                raise KeyRefusedError(f"{self.grammar} has no part {name!r}", remedy=f"give: {', '.join(known)}")
        for name in known:
            if name not in parts:
                raise KeyRefusedError(f"{self.grammar} needs the part {name!r}", remedy="give it")
        if bool(rest) != ("rest" in self.parts):
            raise KeyRefusedError(f"{self.grammar} got {len(rest)} parts at its end", remedy="see its grammar")
        checked = {name: require_part(name, value) for name, value in parts.items()}
        if rest:
            checked["rest"] = ":".join(require_part("rest", part) for part in rest)
        return _PART.sub(lambda found: checked[found.group(1)], self.grammar)

    @property
    def word(self) -> str | None:
        """The word before the first colon, if every key of it begins with the same."""
        word = self.grammar.partition(":")[0]
        return None if "{" in word else word

    def parse(self, key: str) -> dict[str, str] | None:
        """The parts of a key of this pattern, or None if it is none: also if a part breaks the grammar."""
        found = self._regex.fullmatch(key)
        if found is None:
            return None
        parts = found.groupdict()
        for name, value in parts.items():
            if any(wrong_with(name, one) for one in (value.split(":") if name == "rest" else (value,))):
                return None
        return parts

    def glob(self, **parts: str) -> str:
        """A pattern for SCAN's MATCH: what is given stands as it is, every other part is `*`. It may match more."""
        checked = {name: require_part(name, value) for name, value in parts.items()}
        for name in checked:
            if name not in self.parts:
                raise KeyRefusedError(f"{self.grammar} has no part {name!r}", remedy=f"give: {', '.join(self.parts)}")
        return _PART.sub(lambda found: checked.get(found.group(1), "*"), self.grammar)


def _regex_of(grammar: str) -> str:
    """A regular expression with a group for each part; a part has no colon, `rest` may have."""
    said = ""
    at = 0
    for found in _PART.finditer(grammar):
        name = found.group(1)
        said += re.escape(grammar[at : found.start()])
        said += f"(?P<{name}>.+)" if name == "rest" else f"(?P<{name}>[^:]*)"
        at = found.end()
    return said + re.escape(grammar[at:])
