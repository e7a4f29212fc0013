"""Storing, reading, rotating credentials: `user:{user_id}:api:keys`, a Hash of Fernet tokens, without a TTL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Call, Command, Transaction
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.errors import ConflictError, CorruptedError, MisuseError, TooLargeError
from pytest_arbredis.state.keyspace.parts import require_part
from pytest_arbredis.state.keyspace.patterns import API_KEYS
from pytest_arbredis.state.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.asks import Arg, Plan
    from pytest_arbredis.state.credentials.cipher import Cipher

MOST_FIELDS: Final = 100
MOST_CHARACTERS: Final = 16_384
"""Of one secret; a PEM key has some 3000."""

ROTATIONS: Final = 5
"""How often a rotation begins again because somebody changed the credentials meanwhile."""

REPLACE = Script(
    "credentials.replace",
    """
    if redis.call('HLEN', KEYS[1]) ~= #ARGV / 3 then return 0 end
    for i = 1, #ARGV, 3 do
        if redis.call('HGET', KEYS[1], ARGV[i]) ~= ARGV[i + 1] then return 0 end
    end
    for i = 1, #ARGV, 3 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2]) end
    return 1
    """,
)
"""Puts new tokens in the place of old ones, if these are still all there is: 1 if it did."""


def put(cipher: Cipher, user_id: str, secrets: Mapping[str, Secret]) -> Plan[None]:
    """All credentials of a user, in the place of those before."""
    key = API_KEYS.key(user_id=user_id)
    if not 0 < len(secrets) <= MOST_FIELDS:
        raise TooLargeError(f"{len(secrets)} credentials of one user", remedy=f"give 1 to {MOST_FIELDS}")
    tokens: list[Arg] = []
    for field, secret in secrets.items():
        require_part("field", field)
        if not isinstance(secret, Secret):
            raise MisuseError(
                f"the credential {field!r} is no Secret", remedy="wrap it where it comes in: Secret(text)"
            )
        if len(secret.reveal()) > MOST_CHARACTERS:
            raise TooLargeError(f"the credential {field!r} is too long", remedy=f"at most {MOST_CHARACTERS} characters")
        tokens += [field, cipher.encrypt(user_id, field, secret)]
    return _put(key, tokens)


def _put(key: str, tokens: list[Arg]) -> Plan[None]:
    yield Transaction(("DEL", key), ("HSET", key, *tokens))


def get(cipher: Cipher, user_id: str) -> Plan[dict[str, Secret]]:
    """All credentials of a user; none: an empty mapping. One that cannot be decrypted is an error for all."""
    tokens = yield from _tokens(API_KEYS.key(user_id=user_id))
    return {field: cipher.decrypt(user_id, field, token) for field, token in tokens.items()}


def fields(user_id: str) -> Plan[tuple[str, ...]]:
    """Which credentials a user has, by name, sorted; nothing is decrypted."""
    tokens = yield from _tokens(API_KEYS.key(user_id=user_id))
    return tuple(sorted(tokens))


def delete(user_id: str) -> Plan[bool]:
    """Remove them all; True if there were any."""
    removed = yield Command("DEL", API_KEYS.key(user_id=user_id))
    return bool(removed)


def rotate(cipher: Cipher, user_id: str) -> Plan[int]:
    """Encrypt all of a user's credentials with the first key, in one step; how many there are.

    Whoever reads meanwhile finds all old tokens or all new ones. Credentials that somebody stores meanwhile are not
    overwritten: it begins again with them, and raises `ConflictError` in the end.
    """
    key = API_KEYS.key(user_id=user_id)
    for _ in range(ROTATIONS):
        tokens = yield from _tokens(key)
        if not tokens:
            return 0
        swaps: list[Arg] = []
        for field, token in tokens.items():
            swaps += [field, token, cipher.encrypt(user_id, field, cipher.decrypt(user_id, field, token))]
        if (yield Call(REPLACE, (key,), tuple(swaps))):
            return len(tokens)
    raise ConflictError(f"the credentials of user {user_id!r} kept changing", remedy="rotate when nobody stores them")


def _tokens(key: str) -> Plan[dict[str, bytes]]:
    flat = yield Command("HGETALL", key)
    try:
        return {name.decode(): token for name, token in zip(flat[::2], flat[1::2], strict=True)}
    except UnicodeDecodeError:
        raise CorruptedError(f"{key} has a field whose name is no text", remedy="somebody else wrote it") from None
