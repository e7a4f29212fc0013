"""`AsyncCredentialStore`: as `CredentialStore`, for asyncio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.credentials import plans
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.state.connections.running import RunsAsync
    from pytest_arbredis.state.credentials.secret import Secret


class AsyncCredentialStore:
    """Credentials by user: `user:{user_id}:api:keys`. Without a `cipher`, of the keys in ENCRYPTION_KEY."""

    __slots__ = ("_cipher", "_redis")

    def __init__(self, redis: RunsAsync, cipher: Cipher | None = None) -> None:
        self._redis = redis
        self._cipher = Cipher.from_env() if cipher is None else cipher

    async def put(self, user_id: str, secrets: Mapping[str, Secret], *, within_s: float | None = None) -> None:
        """As `plans.put`."""
        await self._redis.run(plans.put(self._cipher, user_id, secrets), kind=Kind.PIPELINE, within_s=within_s)

    async def get(self, user_id: str, *, within_s: float | None = None) -> dict[str, Secret]:
        """As `plans.get`."""
        return await self._redis.run(plans.get(self._cipher, user_id), kind=Kind.NORMAL, within_s=within_s)

    async def fields(self, user_id: str, *, within_s: float | None = None) -> tuple[str, ...]:
        """As `plans.fields`."""
        return await self._redis.run(plans.fields(user_id), kind=Kind.NORMAL, within_s=within_s)

    async def delete(self, user_id: str, *, within_s: float | None = None) -> bool:
        """As `plans.delete`."""
        return await self._redis.run(plans.delete(user_id), kind=Kind.FAST, within_s=within_s)

    async def rotate(self, user_id: str, *, within_s: float | None = None) -> int:
        """As `plans.rotate`."""
        return await self._redis.run(plans.rotate(self._cipher, user_id), kind=Kind.PIPELINE, within_s=within_s)
