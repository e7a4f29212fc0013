"""What a lock asks of Redis: to be acquired with a token, extended and released; and the guard of a resource."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Command
from pytest_arbredis.state.errors import ConflictError, CorruptedError, UnknownPrimaryError
from pytest_arbredis.state.keyspace.patterns import FENCE, LOCK, RESOURCE
from pytest_arbredis.state.locks.token import Token
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.hardenings import Without
    from pytest_arbredis.state.locks.reign import Reign

HARDENINGS: Final = frozenset({"fencing", "owner-check", "epoch"})
"""`fencing`: the resource refuses a token that is older than one it has seen.

`owner-check`: a lock is released by its owner only. `epoch`: tokens begin with Sentinel's epoch, so that they grow
even where the counter went back.
"""

ACQUIRE: Final = Script(
    "lock acquire",
    """
local owner, ttl, run, epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if run ~= '' and string.match(redis.call('INFO', 'server'), 'run_id:(%x+)') ~= run then return {-1} end
local held = redis.call('GET', KEYS[1])
if held then
    local who, since, count = string.match(held, '^([^|]*)|(%d+)|(%d+)$')
    if who ~= owner then return {0, redis.call('PTTL', KEYS[1])} end
    if since == epoch then
        redis.call('PEXPIRE', KEYS[1], ttl)
        return {1, tonumber(since), tonumber(count)}
    end -- a failover brought it back: others may have had newer tokens meanwhile, so it is given anew
end
if tonumber(redis.call('HGET', KEYS[2], 'epoch') or '0') > tonumber(epoch) then return {-1} end
local count = redis.call('HINCRBY', KEYS[2], 'counter', 1)
redis.call('HSET', KEYS[2], 'epoch', epoch)
redis.call('SET', KEYS[1], string.format('%s|%s|%.0f', owner, epoch, count), 'PX', ttl)
return {1, tonumber(epoch), count}
""",
)
"""KEYS lock, fence; ARGV owner, TTL ms, run id, epoch. 1 with the token, 0 with the holder's ms, -1 not this server."""

RELEASE: Final = Script(
    "lock release",
    """
local held = redis.call('GET', KEYS[1])
if not held or string.match(held, '^([^|]*)|') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""",
)

EXTEND: Final = Script(
    "lock extend",
    """
local held = redis.call('GET', KEYS[1])
if not held or string.match(held, '^([^|]*)|') ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
""",
)

WRITE: Final = Script(
    "resource write",
    """
local epoch, counter = tonumber(ARGV[1]), tonumber(ARGV[2])
local seen = redis.call('HMGET', KEYS[1], 'epoch', 'counter')
local e, c = tonumber(seen[1] or '-1'), tonumber(seen[2] or '-1')
if ARGV[4] == '1' and (epoch < e or (epoch == e and counter < c)) then return {0, e, c} end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'counter', ARGV[2], 'value', ARGV[3])
return {1, epoch, counter}
""",
)
"""KEYS resource; ARGV epoch, counter, value, '1' to compare. 1 written, 0 with the newer token."""


def acquire(name: str, owner: str, *, ttl_ms: int, reign: Reign) -> Plan[Token]:
    """The token of a lock that is this owner's now. Raises `ConflictError` if another holds it.

    Raises `UnknownPrimaryError` if this server is not the one of the reign: nothing was given.
    """
    keys = (LOCK.key(lock_name=name), FENCE.key(lock_name=name))
    reply = yield Call(ACQUIRE, keys, (owner, ttl_ms, reign.run_id, reign.epoch))
    if reply[0] == 1:
        return Token(epoch=int(reply[1]), counter=int(reply[2]))
    if reply[0] == 0 and int(reply[1]) < 0:
        raise ConflictError(
            f"the lock {name} is held without an end: this layer gave no such lock",
            remedy=f"look who wrote {keys[0]}, and delete it",
        )
    if reply[0] == 0:
        raise ConflictError(
            f"the lock {name} is held by another for {reply[1]} ms at most", remedy="try again after that"
        )
    raise UnknownPrimaryError(
        f"the lock {name} was asked for at a server that the Sentinels know as no primary of epoch {reign.epoch}",
        remedy="try again: a failover is going on",
    )


def release(name: str, owner: str, *, without: Without) -> Plan[bool]:
    """Whether it was this owner's, and is no more."""
    if "owner-check" in without:
        return bool((yield Command("DEL", LOCK.key(lock_name=name))))
    return bool((yield Call(RELEASE, (LOCK.key(lock_name=name),), (owner,))))


def extend(name: str, owner: str, *, ttl_ms: int) -> Plan[None]:
    """The TTL begins anew. Raises `ConflictError` if it is not this owner's any more."""
    if not (yield Call(EXTEND, (LOCK.key(lock_name=name),), (owner, ttl_ms))):
        raise ConflictError(f"the lock {name} was lost", remedy="stop what it protects, then acquire it again")


def write(name: str, token: Token, value: str | bytes, *, without: Without) -> Plan[None]:
    """Write the resource's value. Raises `ConflictError` if a newer token was there before: nothing was written."""
    compare = "1" if "fencing" not in without else "0"
    key = RESOURCE.key(resource_name=name)
    reply = yield Call(WRITE, (key,), (token.epoch, token.counter, value, compare))
    if not reply[0]:
        raise ConflictError(
            f"the resource {name} has seen the token {reply[1]}, {reply[2]}; {token.epoch}, {token.counter} is older",
            remedy="the lock was lost to another holder: stop, and acquire it again",
        )


def read(name: str) -> Plan[tuple[bytes | None, Token | None]]:
    """The resource's value, and the token that it was written with. Raises `CorruptedError`."""
    key = RESOURCE.key(resource_name=name)
    value, epoch, counter = yield Command("HMGET", key, "value", "epoch", "counter")
    if value is epoch is counter is None:
        return None, None
    try:
        return value, Token(epoch=int(epoch), counter=int(counter))
    except (TypeError, ValueError):  # whose texts show what lies there
        raise CorruptedError(f"{key} was written without a token", remedy="somebody else wrote it") from None
