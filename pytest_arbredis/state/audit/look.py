"""One step of a walk over the keyspace: some twenty keys, described where they lie.

A step is one script, so that a key costs no round trip, and a small one, so that nobody waits long behind it. It uses
commands that do not count as an access for LRU or LFU, but for the rare key that may be too large. They do count as
hits in INFO: the server's figures are taken before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.keyspace.limits import LARGEST_BYTES, MOST_FIELDS
from pytest_arbredis.state.keyspace.rules import Found
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan

MOST_AT_ONCE: Final = 20
"""Keys that one script describes at most."""

ASKED_FOR: Final = 18
"""SCAN's COUNT: it gives whole buckets, so some more than it is asked for."""

MANY_FIELDS_BYTES: Final = 4 * MOST_FIELDS
"""A Hash with too many fields takes more memory than this; a smaller one need not be asked how many it has."""

LOOK: Final = Script(
    "audit-look",
    """
-- ARGV: cursor ('' none: KEYS are described), COUNT, keys at once, largest value, most fields, bytes of many fields.
local keys, cursor = KEYS, '0'
if ARGV[1] ~= '' then
  local found = redis.call('SCAN', ARGV[1], 'COUNT', ARGV[2])
  cursor, keys = found[1], found[2]
end
local most, largest_of_all = tonumber(ARGV[3]), tonumber(ARGV[4])
local most_fields, many = tonumber(ARGV[5]), tonumber(ARGV[6])
local told, said, left = {}, {}, {}
for n, key in ipairs(keys) do
  if n > most then left[#left + 1] = key
  else
    local kind = redis.call('TYPE', key).ok
    local samples = kind == 'hash' and most_fields + 1 or 5
    local bytes = kind ~= 'none' and redis.call('MEMORY', 'USAGE', key, 'SAMPLES', samples)
    if bytes then
      local elements, largest = 0, 0
      if kind == 'string' and bytes > largest_of_all then largest = redis.call('STRLEN', key) end
      if kind == 'hash' and bytes > many then
        elements = redis.call('HLEN', key)
        if bytes > largest_of_all and elements <= most_fields then
          for _, field in ipairs(redis.call('HKEYS', key)) do
            largest = math.max(largest, redis.call('HSTRLEN', key, field))
          end
        end
      end
      told[#told + 1] = key
      said[#said + 1] = table.concat({kind, redis.call('PTTL', key), bytes, elements, largest}, ' ')
    end
  end
end
return {cursor, told, table.concat(said, ','), left}
""",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a step saw: the cursor of the next one (0: there is none), and keys, each with its bytes of memory."""

    cursor: int
    keys: tuple[tuple[Found, int], ...]


def look(cursor: int) -> Plan[Seen]:
    """Some twenty keys from `cursor` on."""
    reply = yield Call(LOOK, (), _arguments(cursor))
    seen = [*_described(reply)]
    left = reply[3]
    while left:
        more = yield Call(LOOK, tuple(left[:MOST_AT_ONCE]), _arguments(""))
        seen += _described(more)
        left = left[MOST_AT_ONCE:]
    return Seen(cursor=int(reply[0]), keys=tuple(seen))


def _arguments(cursor: int | str) -> tuple[int | str, ...]:
    return (cursor, ASKED_FOR, MOST_AT_ONCE, LARGEST_BYTES, MOST_FIELDS, MANY_FIELDS_BYTES)


def _described(reply: list[bytes | list[bytes]]) -> list[tuple[Found, int]]:
    keys, said = reply[1], reply[2]
    if not (keys and isinstance(keys, list) and isinstance(said, bytes)):
        return []
    found = []
    for key, words in zip(keys, said.decode().split(","), strict=True):
        kind, ttl_ms, memory, elements, largest = words.split(" ")
        one = Found(
            key=key.decode(errors="backslashreplace"),
            type=kind,
            ttl_ms=None if ttl_ms == "-1" else int(ttl_ms),
            elements=int(elements),
            largest_bytes=int(largest),
        )
        found.append((one, int(memory)))
    return found
