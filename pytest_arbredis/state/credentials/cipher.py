"""Fernet tokens that are bound to a user and a field; several keys, so that they can be rotated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

import orjson

from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.errors import CredentialError
from pytest_arbredis.state.hardenings import NONE, Without, require_known

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ENCRYPTION_KEY: Final = "ENCRYPTION_KEY"
"""The variable: keys separated by commas. The first encrypts, all of them decrypt."""

HARDENINGS: Final = frozenset({"encryption"})
"""`encryption`: without it values lie in Redis as they are."""

_REMEDY = "make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'"


class Cipher:
    """Encrypts and decrypts with Fernet keys (url-safe base64 of 32 bytes each).

    What is encrypted is `[user, field, text]`: a token that was moved to another user, or to another field, is refused.
    An error shows neither key, nor token, nor text.
    """

    __slots__ = ("_first", "_keys", "_without")

    def __init__(self, keys: Iterable[Secret | str], *, _without: Without = NONE) -> None:
        self._without = require_known(_without, HARDENINGS)
        given = [key.reveal() if isinstance(key, Secret) else key for key in keys]
        if not given:
            raise CredentialError("there is no key to encrypt with", remedy=f"set {ENCRYPTION_KEY}; {_REMEDY}")
        fernet = _cryptography()
        made: list[Any] = []
        for number, key in enumerate(given, 1):
            try:
                made.append(fernet.Fernet(key))
            except (ValueError, TypeError):
                raise CredentialError(
                    f"key {number} of {len(given)} is no Fernet key (32 bytes, url-safe base64)", remedy=_REMEDY
                ) from None
        self._first = made[0]
        self._keys = fernet.MultiFernet(made)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Cipher:
        """Of the keys in ENCRYPTION_KEY; raises `CredentialError` if there is none."""
        given = (os.environ if env is None else env).get(ENCRYPTION_KEY, "")
        return cls(key.strip() for key in given.split(",") if key.strip())

    def __repr__(self) -> str:
        return "Cipher(***)"

    def encrypt(self, user_id: str, field: str, secret: Secret) -> bytes:
        """A token of the first key; another one each time."""
        if "encryption" in self._without:
            return secret.reveal().encode()
        token: bytes = self._first.encrypt(orjson.dumps([user_id, field, secret.reveal()]))
        return token

    def decrypt(self, user_id: str, field: str, token: bytes) -> Secret:
        """The secret of that user and field; raises `CredentialError` if any key, or the token, is not theirs."""
        if "encryption" in self._without:
            return Secret(token.decode())
        opened = self._opened(self._keys, token)
        if opened is None:
            raise CredentialError(
                f"the credential {field!r} of user {user_id!r} cannot be decrypted: the key is another one, "
                "or the token was changed",
                remedy=f"set {ENCRYPTION_KEY} to the key it was encrypted with, or store the credential again",
            )
        whose, what, text = opened
        if (whose, what) != (user_id, field):
            raise CredentialError(
                f"what lies at the credential {field!r} of user {user_id!r} was encrypted for another user or field",
                remedy="somebody moved it: store the credential again, and find out who",
            )
        return Secret(text)

    def is_current(self, token: bytes) -> bool:
        """Whether the first key encrypted it."""
        return self._opened(self._first, token) is not None

    @staticmethod
    def _opened(keys: Any, token: bytes) -> tuple[str, str, str] | None:
        try:
            user_id, field, text = orjson.loads(keys.decrypt(token))
        except (_cryptography().InvalidToken, ValueError, TypeError):
            return None
        return (user_id, field, text) if isinstance(text, str) and text else None


def _cryptography() -> Any:
    try:
        import cryptography.fernet
    except ImportError:
        raise CredentialError(
            "credentials need the package cryptography", remedy="pip install 'pytest-arbredis[state]'"
        ) from None
    return cryptography.fernet
