"""Finding out what stands: roles, replicas and Sentinels as the servers themselves tell. Only reads.

A server is known by what it says of itself, not by the address that it was found at: one may be reached at several.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.topology.node import harness_client

if TYPE_CHECKING:
    from pytest_arbredis.servers.login import Login
    from pytest_arbredis.topology.node import Address
    from pytest_arbredis.topology.server_url import ServerUrl

ANSWERS_WITHIN_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A server that answered at its announced address. `identity` is of the present process, or of a Sentinel."""

    announced: Address
    identity: str
    version: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """Everything that belongs together: the primary first among the data nodes.

    `incomplete` says what some of them do not know of the others yet, as Sentinels that were started a moment ago.
    """

    data: tuple[Found, ...]
    sentinels: tuple[Found, ...] = ()
    master_name: str = ""
    incomplete: str = ""


def discover(where: ServerUrl) -> Discovery:
    """What stands there. Raises `HarnessError` naming what does not answer, `UsageError` for a wrong name."""
    return _by_sentinels(where) if where.by_sentinel else _by_role(where)


def identify(address: Address, login: Login) -> Found | str:
    """Who answers at an address; a text says why nobody could be asked."""
    import redis

    client = harness_client(address, timeout_s=ANSWERS_WITHIN_S, login=login)
    try:
        role = cast("list[Any]", client.execute_command("ROLE"))[0]
        server = client.info("server")
        own = role == "sentinel"
        identity = str(client.execute_command("SENTINEL", "MYID")) if own else str(server["run_id"])
        return Found(announced=address, identity=identity, version=str(server["redis_version"]), role=str(role))
    except (redis.RedisError, LookupError, ValueError) as error:
        return f"{type(error).__name__}: {str(error)[:200]}"
    finally:
        client.close()


def _require(address: Address, login: Login, what: str) -> Found:
    found = identify(address, login)
    if isinstance(found, str):
        raise HarnessError(
            f"{what} at {address[0]}:{address[1]} does not answer: {found}",
            remedy="see that it runs and is reachable from here, at the address that it announces, with this password",
        )
    return found


def _by_role(where: ServerUrl) -> Discovery:
    """From one Redis: up to its primary, and down to the replicas that the primary knows."""
    address = where.addresses[0]
    first = _require(address, where.login, "Redis")
    if first.role == "sentinel":
        raise UsageError(
            f"a Sentinel answers at {address[0]}:{address[1]}",
            remedy=f"use redis+sentinel://{address[0]}:{address[1]}/name",
        )
    seen = {first.identity: first}
    primary = first
    while primary.role == "slave":
        above = _ask_role(primary.announced, where.login)
        primary = _require((str(above[1]), int(above[2])), where.login, f"the primary of {primary.announced[1]}")
        if primary.identity in seen:
            break
        seen[primary.identity] = primary
    followers = [(str(ip), int(port)) for ip, port, _ in _ask_role(primary.announced, where.login)[2]]
    replicas = [_require(follower, where.login, "a replica that the primary knows") for follower in followers]
    return Discovery(data=(primary, *replicas))


def _ask_role(address: Address, login: Login) -> list[Any]:
    client = harness_client(address, timeout_s=ANSWERS_WITHIN_S, login=login)
    try:
        return cast("list[Any]", client.execute_command("ROLE"))
    finally:
        client.close()


def _by_sentinels(where: ServerUrl) -> Discovery:
    """From Sentinels: those that they know, the primary that they name, and the replicas of it."""
    import redis

    told, name = _first_that_answers(where)
    primary = _require((str(told["ip"]), int(told["port"])), where.login, f"the primary {name!r}")
    sentinels: dict[str, Found] = {}
    replicas: dict[Address, None] = {}
    waiting = list(where.addresses)
    asked: set[Address] = set()
    announced: dict[str, Address] = {}
    known: dict[str, int] = {}
    while waiting:
        address = waiting.pop(0)
        if address in asked:
            continue
        asked.add(address)
        found = _require(address, where.sentinel_login, "a Sentinel")
        sentinels.setdefault(found.identity, found)
        client = harness_client(address, timeout_s=ANSWERS_WITHIN_S, login=where.sentinel_login)
        try:
            others = cast("list[dict[str, Any]]", client.sentinel_sentinels(name))
            known[found.identity] = len(others)
            for other in others:
                at = (str(other["ip"]), int(other["port"]))
                announced[str(other["runid"])] = at
                waiting.append(at)
            for replica in client.sentinel_slaves(name):
                replicas[str(replica["ip"]), int(replica["port"])] = None
        except redis.RedisError as error:
            raise HarnessError(
                f"the Sentinel at {address[0]}:{address[1]} does not tell of {name!r}: {error}",
                remedy=f"SENTINEL MASTERS there should list {name!r}",
            ) from error
        finally:
            client.close()
    followers = [_require(at, where.login, "a replica that the Sentinels know") for at in replicas]
    watchers = (
        Found(announced=announced.get(key, one.announced), identity=key, version=one.version, role="sentinel")
        for key, one in sentinels.items()
    )
    incomplete = ""
    if lone := [key for key, count in known.items() if count != len(sentinels) - 1]:
        at = sentinels[lone[0]].announced
        incomplete = f"the Sentinel at {at[0]}:{at[1]} knows {known[lone[0]]} of {len(sentinels) - 1} others"
    elif len(followers) < (connected := len(_ask_role(primary.announced, where.login)[2])) or not followers:
        incomplete = f"the Sentinels know {len(followers)} of {connected} replicas of {name!r}"
    return Discovery(
        data=(primary, *sorted(followers, key=lambda one: one.announced)),
        sentinels=tuple(sorted(watchers, key=lambda one: one.announced)),
        master_name=name,
        incomplete=incomplete,
    )


def _first_that_answers(where: ServerUrl) -> tuple[dict[str, Any], str]:
    """What the first Sentinel that answers says of the primary, and the primary's name."""
    import redis

    reasons = []
    for address in where.addresses:
        client = harness_client(address, timeout_s=ANSWERS_WITHIN_S, login=where.sentinel_login)
        try:
            masters = cast("dict[str, dict[str, Any]]", client.sentinel_masters())
        except (redis.RedisError, ValueError, LookupError) as error:
            reasons.append(f"{address[0]}:{address[1]}: {error}")
            continue
        finally:
            client.close()
        name = where.master_name or (next(iter(masters)) if len(masters) == 1 else "")
        if name not in masters:
            raise UsageError.unknown("name of a primary", where.master_name, masters)
        return masters[name], name
    raise HarnessError(f"no Sentinel answers ({'; '.join(reasons)})", remedy="see that they run, and the addresses")
