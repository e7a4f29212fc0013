"""What a part of a key may be. A part never has a space, `/`, `:`, a control character, and is never empty."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.errors import KeyRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

ENVS: Final = ("paper", "live", "backtest", "test")
"""Environments of a session (design 1)."""

CATEGORIES: Final = ("session", "positions", "metrics", "risk_guard")
"""The Hashes that make up a session (design 1)."""

METRIC_TYPES: Final = ("pnl_realtime", "trade_count", "winrate", "latency")
SIDES: Final = ("long", "short")
STATUSES: Final = ("running", "stopped", "error")
"""What a user's trading can be (design 2)."""

MODES: Final = ("live", "paper", "shadow", "test")
"""Modes of a state manager (design 3)."""

PLACES: Final = ("docker", "local", "memory")
"""Where a state manager runs: the `env` of its namespace (design 3)."""

MEMBERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "env": ENVS,
        "category": CATEGORIES,
        "metric_type": METRIC_TYPES,
        "side": SIDES,
        "mode": MODES,
        "place": PLACES,
    }
)
"""Parts that are one of a few words."""

TAKEN: Final = frozenset(
    (
        *("account", "agent", "applied", "arbitrage", "celery", "channel", "leaderboard", "lease", "lock", "market"),
        *("physics", "positions", "price", "queue", "ratelimit", "resource", "session", "symbol", "unacked"),
        *("unacked_index", "unacked_mutex", "user"),
        *MODES,
    )
)
"""Words that other patterns begin with."""

NOT_FOR: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {"exchange": TAKEN, "queue_part": frozenset({"consumers", "deliveries"})}
)
"""What a part must not be, because the key would be one of another pattern."""

UPPER_CASE: Final = frozenset({"SYMBOL"})
"""Parts that must be upper case (design 4: identifiers)."""

LONGEST: Final = 256
"""Characters of a part; longer ones are refused."""

_FORBIDDEN = re.compile(r"[\s/:\x00-\x1f\x7f-\x9f*?\[\]\\]")
"""Delimiters, white space and control characters; and what SCAN's MATCH would read as a pattern."""


def require_part(name: str, value: object) -> str:
    """`value` as the part `name` of a key; raises `KeyRefusedError` that names the part and what is wrong with it."""
    if not isinstance(value, str):
        raise KeyRefusedError(f"the part {name!r} of a key is {value!r}", remedy="give a string")
    wrong = wrong_with(name, value)
    if wrong:
        raise KeyRefusedError(f"the part {name!r} of a key is {value[:80]!r}: {wrong}", remedy=_remedy(name))
    return value


def wrong_with(name: str, value: str) -> str:
    """What the grammar has against `value` as the part `name`; empty if nothing."""
    if not value:
        return "it is empty"
    found = _FORBIDDEN.search(value)
    if found:
        return f"{found.group()!r} is not allowed in a part"
    if len(value) > LONGEST:
        return f"it has {len(value)} characters"
    if name in MEMBERS and value not in MEMBERS[name]:
        return f"it is none of {', '.join(MEMBERS[name])}"
    if name in UPPER_CASE and value != value.upper():
        return "it is not upper case"
    if name in NOT_FOR and value in NOT_FOR[name]:
        return "with that word it would be a key of another pattern"
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        return "it cannot be encoded as UTF-8"
    return ""


def _remedy(name: str) -> str:
    if name in MEMBERS:
        return f"use one of: {', '.join(MEMBERS[name])}"
    if name in UPPER_CASE:
        return "use upper case"
    return f"use 1 to {LONGEST} characters, without white space, '/', ':', or any of * ? [ ] \\"
