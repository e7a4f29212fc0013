"""Addresses of a topology as environment variables, for programs in any language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.servers.login import Login

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_arbredis.topology.node import Address


def redis_environment(
    primary: Address,
    sentinels: Iterable[Address],
    master_name: str,
    login: Login | None = None,
    *,
    second: Address | None = None,
) -> dict[str, str]:
    """REDIS_URL, REDIS_HOST, REDIS_PORT, REDIS_DB; with Sentinels also REDIS_SENTINELS and REDIS_SENTINEL_MASTER.

    `REDIS_SENTINELS` is `host:port,host:port`. REDIS_USERNAME, REDIS_PASSWORD and REDIS_CA_FILE are there where needed.
    REDIS_SECOND_URL, REDIS_SECOND_HOST and REDIS_SECOND_PORT are the other Redis of a dual topology.
    """
    host, port = primary
    login = login or Login()
    found = {"REDIS_URL": login.url(primary), "REDIS_HOST": host, "REDIS_PORT": str(port), "REDIS_DB": "0"}
    if known := ",".join(f"{host}:{port}" for host, port in sentinels):
        found |= {"REDIS_SENTINELS": known, "REDIS_SENTINEL_MASTER": master_name}
    if second is not None:
        found |= {"REDIS_SECOND_URL": login.url(second), "REDIS_SECOND_HOST": second[0]}
        found["REDIS_SECOND_PORT"] = str(second[1])
    needed = {"REDIS_USERNAME": login.user, "REDIS_PASSWORD": login.password, "REDIS_CA_FILE": login.ca}
    return found | {name: str(value) for name, value in needed.items() if value is not None}
