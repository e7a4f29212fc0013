"""The commands of servers in memory: what each does to the data, and what it replies, as redis-py decodes it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.errors import UsageError
from pytest_arbredis.load.cas_registers import CAS

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True)
class Data:
    """Values by key (texts, lists, sets), and when those expire that do, in milliseconds of the servers' clock."""

    values: dict[str, Any] = field(default_factory=dict)
    expires_ms: dict[str, int] = field(default_factory=dict)

    def copy(self) -> Data:
        """The same, to be changed on its own."""
        return Data(copy.deepcopy(self.values), dict(self.expires_ms))


def applied(data: Data, words: tuple[str, ...], *, now_ms: int) -> object:
    """Apply one command. Raises `UsageError` for one that these servers do not know."""
    command = _COMMANDS.get(words[0])
    if command is None:
        raise UsageError.unknown("command of servers in memory", words[0], _COMMANDS)
    return command(data, words[1:], now_ms)


def _set(data: Data, words: tuple[str, ...], now_ms: int) -> str:
    key, value, *options = words
    data.values[key] = value
    data.expires_ms.pop(key, None)
    if options[:1] == ["EX"]:
        data.expires_ms[key] = now_ms + 1000 * int(options[1])
    return "OK"


def _get(data: Data, words: tuple[str, ...], _: int) -> Any:
    return data.values.get(words[0])


def _incrby(data: Data, words: tuple[str, ...], _: int) -> int:
    value = int(data.values.get(words[0], 0)) + int(words[1])
    data.values[words[0]] = str(value)
    return value


def _rpush(data: Data, words: tuple[str, ...], _: int) -> int:
    found: list[str] = data.values.setdefault(words[0], [])
    found.extend(words[1:])
    return len(found)


def _lpop(data: Data, words: tuple[str, ...], _: int) -> Any:
    found = data.values.get(words[0])
    return found.pop(0) if found else None


def _lrange(data: Data, words: tuple[str, ...], _: int) -> list[str]:
    return [*data.values.get(words[0], ())]


def _sadd(data: Data, words: tuple[str, ...], _: int) -> int:
    found: set[str] = data.values.setdefault(words[0], set())
    new = words[1] not in found
    found.add(words[1])
    return int(new)


def _smembers(data: Data, words: tuple[str, ...], _: int) -> set[str]:
    return {*data.values.get(words[0], ())}


def _eval(data: Data, words: tuple[str, ...], _: int) -> int:
    script, _keys, key, old, new = words
    if script != CAS:
        raise UsageError(
            f"a script that servers in memory do not know: {script}", remedy="use that of cas_registers.py"
        )
    if data.values.get(key) != old:
        return 0
    data.values[key] = new
    return 1


def _time(_: Data, __: tuple[str, ...], now_ms: int) -> list[str]:
    return [str(now_ms // 1000), str(now_ms % 1000 * 1000)]


_COMMANDS: Final[dict[str, Callable[[Data, tuple[str, ...], int], Any]]] = {
    "EVAL": _eval,
    "GET": _get,
    "INCRBY": _incrby,
    "LPOP": _lpop,
    "LRANGE": _lrange,
    "RPUSH": _rpush,
    "SADD": _sadd,
    "SET": _set,
    "SMEMBERS": _smembers,
    "TIME": _time,
}
WRITES: Final = frozenset({"SET", "EVAL", "INCRBY", "RPUSH", "LPOP", "SADD"})
"""Those that change something, and are replicated."""
