"""What Redis says no by, and what redis-py raises, as errors of the layer: once, here.

A reply that is an error is known by its first word. The words in `_REFUSALS` are said before anything is done; what a
script or a transaction makes of them is for `exchange.py` to say.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import redis

from pytest_arbredis.state.connections.addresses import told
from pytest_arbredis.state.errors import (
    ConnectionLostError,
    DeadlineExceededError,
    OutOfMemoryError,
    ReadOnlyError,
    RejectedError,
    ServerRefusedError,
    StateError,
    TooFewReplicasError,
    WriteRefusedError,
    WrongTypeError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.addresses import Address

_REFUSALS: Final[Mapping[str, type[ServerRefusedError]]] = MappingProxyType(
    {
        "LOADING": ServerRefusedError,
        "MASTERDOWN": ServerRefusedError,
        "READONLY": ReadOnlyError,
        "OOM": OutOfMemoryError,
        "NOREPLICAS": TooFewReplicasError,
        "MISCONF": WriteRefusedError,
        "BUSY": ServerRefusedError,
        "INPROG": ServerRefusedError,
        "NOGOODSLAVE": ServerRefusedError,
        "CLUSTERDOWN": ServerRefusedError,
        "TRYAGAIN": ServerRefusedError,
        "UNBLOCKED": ServerRefusedError,
        "MAXCLIENTS": ServerRefusedError,
    }
)
"""Redis cannot now, by the first word of the reply."""

_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "LOADING": "wait until it has read its data",
        "MASTERDOWN": "the replica has lost its primary: wait for the failover",
        "READONLY": "it is a replica: ask for the primary again",
        "OOM": "raise maxmemory, or delete",
        "NOREPLICAS": "wait for its replicas",
        "MISCONF": "see its log: it cannot write its data to disk",
        "BUSY": "a script runs for too long: SCRIPT KILL",
        "WRONGTYPE": "look who else writes this key",
        "NOAUTH": "give a password: in the URL, or by REDIS_PASSWORD",
        "WRONGPASS": "check user and password",
        "NOPERM": "let the user do so (ACL SETUSER)",
    }
)

_OTHERWISE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "without any password configured": "give none, or set one there (requirepass)",
        "DB index is out of range": "give a database that it has (CONFIG GET databases)",
    }
)
"""What to do by what an ERR says."""

RETRIED: Final = frozenset({"LOADING", "MASTERDOWN", "READONLY"})
"""Words after which another try may meet another server, or the same one in a better state."""


ABORTED: Final = "EXECABORT"
"""What an EXEC says that did nothing."""


def word_of(error: redis.ResponseError) -> str:
    """The first word of a reply: `OOM` of `OOM command not allowed …`. BUSY is not BUSYGROUP.

    What an EXEC was refused for (Redis 7 and later say it) counts, not that it was.
    """
    said = str(error)
    if said.startswith(ABORTED):
        said = said.partition("discarded because of: ")[2] or said
    return "MAXCLIENTS" if "max number of clients" in said else said.partition(" ")[0]


def reply_error(error: redis.ResponseError) -> StateError:
    """The layer's error for a reply to one command: `applied` is "no", which is certain for a single command."""
    word = word_of(error)
    remedy = _REMEDIES.get(word) or next((how for says, how in _OTHERWISE.items() if says in str(error)), "")
    # An unknown command is told with its arguments, which may hold anything.
    said = str(error).partition(", with args beginning with")[0]
    words = f"Redis says {said.partition(' script: ')[0]}"  # without the script's hash
    made: StateError
    if word in _REFUSALS:
        refused = _REFUSALS[word](words, remedy=remedy, applied="no")
        refused.word = word
        made = refused
    elif word == "WRONGTYPE":
        made = WrongTypeError(words, remedy=remedy, applied="no")
    else:
        made = RejectedError(words, remedy=remedy, applied="no")
    if len(said) == len(str(error)):
        made.__cause__ = error
    return made


WIRE_TROUBLE: Final = (redis.TimeoutError, redis.ConnectionError, redis.InvalidResponse, OSError)
"""What redis-py and sockets raise when a connection is of no use any more. Whatever else they raise is a bug's."""


def wire_error(error: Exception, address: Address) -> StateError:
    """The layer's error for `WIRE_TROUBLE` with a command under way: what was asked may have been done, or not."""
    at = told(address)
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return DeadlineExceededError(f"no reply of {at} in time", remedy="read back what was asked")
    return ConnectionLostError(
        f"the connection to {at} ended before its reply ({type(error).__name__})", remedy="read back what was asked"
    )
