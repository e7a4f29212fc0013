"""Several Hashes at one moment of the server's time.

A MULTI would do, but a server that is out of memory refuses whatever is queued, reads too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan

US: Final = 1_000_000

HASHES = Script(
    "moment.hashes",
    """
    local found = {redis.call('TIME')}
    for _, key in ipairs(KEYS) do found[#found + 1] = redis.call('HGETALL', key) end
    return found
    """,
)
"""KEYS Hashes: the time, and fields and values of each."""


def hashes(*keys: str) -> Plan[tuple[int, list[list[bytes]]]]:
    """The server's time in microseconds, and fields and values of each Hash, one after another."""
    (seconds, us), *found = yield Call(HASHES, keys)
    return int(seconds) * US + int(us), found
