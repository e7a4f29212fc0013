"""What the layer must know of Redis's commands: which change nothing, which the connection, how long each takes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CHANGE_NOTHING: Final = frozenset(
    [
        "BITCOUNT",
        "BITPOS",
        "DBSIZE",
        "DUMP",
        "ECHO",
        "EXISTS",
        "EXPIRETIME",
        "GEODIST",
        "GEOHASH",
        "GEOPOS",
        "GEOSEARCH",
        "GET",
        "GETBIT",
        "GETRANGE",
        "HEXISTS",
        "HGET",
        "HGETALL",
        "HKEYS",
        "HLEN",
        "HMGET",
        "HRANDFIELD",
        "HSCAN",
        "HSTRLEN",
        "HVALS",
        "INFO",
        "KEYS",
        "LCS",
        "LINDEX",
        "LLEN",
        "LPOS",
        "LRANGE",
        "MEMORY",
        "MGET",
        "OBJECT",
        "PEXPIRETIME",
        "PFCOUNT",
        "PING",
        "PTTL",
        "RANDOMKEY",
        "ROLE",
        "SCAN",
        "SCARD",
        "SDIFF",
        "SINTER",
        "SINTERCARD",
        "SISMEMBER",
        "SMEMBERS",
        "SMISMEMBER",
        "SRANDMEMBER",
        "SSCAN",
        "STRLEN",
        "SUBSTR",
        "SUNION",
        "TIME",
        "TTL",
        "TYPE",
        "UNWATCH",
        "WATCH",
        "XINFO",
        "XLEN",
        "XPENDING",
        "XRANGE",
        "XREVRANGE",
        "ZCARD",
        "ZCOUNT",
        "ZDIFF",
        "ZINTER",
        "ZINTERCARD",
        "ZLEXCOUNT",
        "ZMSCORE",
        "ZRANDMEMBER",
        "ZRANGE",
        "ZRANGEBYLEX",
        "ZRANGEBYSCORE",
        "ZRANK",
        "ZREVRANGE",
        "ZREVRANGEBYLEX",
        "ZREVRANGEBYSCORE",
        "ZREVRANK",
        "ZSCAN",
        "ZSCORE",
        "ZUNION",
    ]
)
"""Commands that may be sent again when their reply was lost."""

UNTIL_EXEC: Final = frozenset({"WATCH"})
"""They leave a connection in a state of its own until the transaction that they are for."""

OWN_STATE: Final = frozenset(
    [
        "AUTH",
        "CLIENT",
        "HELLO",
        "MONITOR",
        "MULTI",
        "PSUBSCRIBE",
        "PSYNC",
        "QUIT",
        "READONLY",
        "READWRITE",
        "RESET",
        "SELECT",
        "SSUBSCRIBE",
        "SUBSCRIBE",
        "SYNC",
    ]
)
"""They leave a connection in a state of its own for good: it is ended when it is given back."""

_KINDS: Final[Mapping[str, Kind]] = MappingProxyType(
    dict.fromkeys(
        [
            "HGETALL",
            "HKEYS",
            "HVALS",
            "HMGET",
            "HMSET",
            "HSET",
            "LRANGE",
            "LREM",
            "LTRIM",
            "MGET",
            "MSET",
            "SDIFF",
            "SINTER",
            "SMEMBERS",
            "SUNION",
            "XRANGE",
            "XREVRANGE",
            "ZINTER",
            "ZRANGE",
            "ZRANGEBYSCORE",
            "ZREVRANGE",
            "ZREVRANGEBYSCORE",
            "ZUNION",
            "EVAL",
            "EVALSHA",
            "FCALL",
        ],
        Kind.NORMAL,
    )
    | dict.fromkeys(
        [
            "SCAN",
            "HSCAN",
            "SSCAN",
            "ZSCAN",
            "KEYS",
            "SORT",
            "FLUSHALL",
            "FLUSHDB",
            "BGSAVE",
            "SAVE",
            "SDIFFSTORE",
            "SINTERSTORE",
            "SUNIONSTORE",
        ],
        Kind.SLOW,
    )
)

_TIMEOUT_IS_LAST: Final = frozenset(["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BZPOPMIN", "BZPOPMAX"])
_TIMEOUT_IS_FIRST: Final = frozenset({"BLMPOP", "BZMPOP"})


def name_of(args: Sequence[object]) -> str:
    """The command's name, in capitals: `CONFIG` of `CONFIG GET`."""
    first = args[0]
    text = first.decode(errors="replace") if isinstance(first, bytes) else str(first)
    return text.upper().partition(" ")[0]


def kind_of(name: str) -> Kind:
    """What a command is like, by its name in capitals: fast unless it is known to be otherwise."""
    return _KINDS.get(name, Kind.FAST)


def holds_s(name: str, args: Sequence[object]) -> float:
    """How long the server may hold its reply by the command's own arguments, in seconds; 0 for ever counts as 0."""
    try:
        if name in _TIMEOUT_IS_LAST:
            return float(str(args[-1]))
        if name in _TIMEOUT_IS_FIRST:
            return float(str(args[1]))
        if name in {"XREAD", "XREADGROUP"}:
            words = [str(arg).upper() for arg in args]
            return float(words[words.index("BLOCK") + 1]) / 1000 if "BLOCK" in words else 0.0
        if name == "WAIT":
            return float(str(args[2])) / 1000
    except (ValueError, IndexError):
        return 0.0  # Redis will say what is wrong with it
    return 0.0
