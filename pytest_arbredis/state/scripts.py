"""Lua scripts as values: sent by their SHA-1, loaded again when the server does not know them (NOSCRIPT)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script. `name` is for errors and metrics; `source` must be deterministic but for the server's TIME."""

    name: str
    source: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha", hashlib.sha1(self.source.encode()).hexdigest())  # noqa: S324 - Redis's own name for it
