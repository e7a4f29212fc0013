"""`CredentialStore`: a user's exchange credentials, encrypted at rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.credentials import plans
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import Runs
    from pytest_arbredis.state.credentials.secret import Secret


class CredentialStore:
    """Credentials by user: `user:{user_id}:api:keys`. Without a `cipher`, of the keys in ENCRYPTION_KEY."""

    __slots__ = ("_cipher", "_redis")

    def __init__(self, redis: Runs, cipher: Cipher | None = None) -> None:
        self._redis = redis
        self._cipher = Cipher.from_env() if cipher is None else cipher

    def put(self, user_id: str, secrets: Mapping[str, Secret], *, within_s: float | None = None) -> None:
        """As `plans.put`."""
        self._redis.run(plans.put(self._cipher, user_id, secrets), kind=Kind.PIPELINE, within_s=within_s)

    def get(self, user_id: str, *, within_s: float | None = None) -> dict[str, Secret]:
        """As `plans.get`."""
        return self._redis.run(plans.get(self._cipher, user_id), kind=Kind.NORMAL, within_s=within_s)

    def fields(self, user_id: str, *, within_s: float | None = None) -> tuple[str, ...]:
        """As `plans.fields`."""
        return self._redis.run(plans.fields(user_id), kind=Kind.NORMAL, within_s=within_s)

    def delete(self, user_id: str, *, within_s: float | None = None) -> bool:
        """As `plans.delete`."""
        return self._redis.run(plans.delete(user_id), kind=Kind.FAST, within_s=within_s)

    def rotate(self, user_id: str, *, within_s: float | None = None) -> int:
        """As `plans.rotate`."""
        return self._redis.run(plans.rotate(self._cipher, user_id), kind=Kind.PIPELINE, within_s=within_s)
