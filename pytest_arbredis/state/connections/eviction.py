"""Whether a server may evict what must stay. The policy is the instance's, not a database's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.errors import RejectedError, UnsafePolicyError
from pytest_arbredis.state.kinds import Kind

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.running import Runs, RunsAsync

_LOG = logging.getLogger(__name__)

ASKED: Final = ("INFO", "memory")
"""The command that tells the policy; CONFIG GET is forbidden to many users, and this to few."""

_REMEDY: Final = "use a server with maxmemory-policy noeviction, or say keeps_state=False if all of it is a cache"


def policy_of(info: bytes) -> str:
    """`maxmemory_policy` of a reply to INFO; empty if it is not told."""
    for line in info.decode(errors="replace").splitlines():
        name, _, value = line.partition(":")
        if name == "maxmemory_policy":
            return value
    return ""


def refuse_eviction(policy: str, where: str) -> None:
    """Raises `UnsafePolicyError` if any key may be evicted under `policy`."""
    if policy.startswith("allkeys-"):
        raise UnsafePolicyError(f"{where} may evict any key (maxmemory-policy {policy})", remedy=_REMEDY)


def refuse_eviction_if_told(reply: object, where: str) -> None:
    """As `refuse_eviction`, for a connection's first round: who may not read INFO is let in, and warned."""
    policy = policy_of(reply) if isinstance(reply, bytes) else ""
    if not policy:
        _LOG.warning("%s does not tell its maxmemory-policy: whether it may evict state is not known", where)
    refuse_eviction(policy, where)


def _no_eviction() -> Plan[str]:
    try:
        policy = policy_of((yield Command(*ASKED)))
    except RejectedError as error:
        raise UnsafePolicyError("the server does not tell its maxmemory-policy", remedy="allow INFO") from error
    if not policy:
        raise UnsafePolicyError("the server does not tell its maxmemory-policy", remedy="allow INFO")
    refuse_eviction(policy, "the server")
    return policy


def require_no_eviction(redis: Runs, *, within_s: float | None = None) -> str:
    """The server's policy; raises `UnsafePolicyError` if that is `allkeys-*`, or if the server does not tell it."""
    return redis.run(_no_eviction(), kind=Kind.FAST, within_s=within_s)


async def require_no_eviction_async(redis: RunsAsync, *, within_s: float | None = None) -> str:
    """As `require_no_eviction`, for asyncio."""
    return await redis.run(_no_eviction(), kind=Kind.FAST, within_s=within_s)
