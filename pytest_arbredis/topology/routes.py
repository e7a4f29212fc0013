"""Two ways to a server that somebody else started, through a proxy and past it, and the container that holds it.

Whether two addresses lead to one server is asked of the server, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.topology.discover import identify

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.proxy.control import ProxyState
    from pytest_arbredis.servers.external import Container
    from pytest_arbredis.servers.login import Login
    from pytest_arbredis.topology.discover import Found
    from pytest_arbredis.topology.node import Address

ANY: Final = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104 - compared with, not bound
HERE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a server is reached: `direct` and `proxied` are the same where no proxy is known; `lack` says why none is."""

    found: Found
    direct: Address
    proxied: Address
    proxy: str = ""
    container: Container | None = None
    lack: str = ""


def route(
    found: Found,
    login: Login,
    *,
    proxies: Mapping[str, ProxyState],
    control_host: str,
    published: Mapping[int, int],
    containers: Iterable[Container],
    lone: bool,
) -> Route:
    """The route to one server. A `lone` one may have its proxy beside the address that it announces.

    `published` says at which port of this machine a port of the control's container is reached.
    Servers that know one another meet at their announced addresses: there a proxy elsewhere would be gone past.
    """
    at = found.announced
    holders = tuple(containers)
    for name, state in proxies.items():
        listen, upstream = _seen(_address(state.listen), control_host, published), _address(state.upstream)
        if _same(listen, at):
            container, direct = _held(found, login, holders, ports={upstream[1], at[1]}, past=at)
            if direct is None and _leads_to(upstream, found, login):
                direct = upstream
            if direct is None:
                lack = f"the server behind the proxy {name!r} cannot be reached past it at {state.upstream}"
                return Route(found=found, direct=at, proxied=at, container=container, lack=lack)
            return Route(found=found, direct=direct, proxied=at, proxy=name, container=container)
    container, direct = _held(found, login, holders, ports={at[1]}, past=None)
    for name, state in proxies.items():
        through = _seen(_address(state.listen), control_host, published)
        if _leads_to(through, found, login):
            if not lone:
                lack = (
                    f"the proxy {name!r} listens at {state.listen}, but the servers know each other at {at[0]}:{at[1]}"
                )
                return Route(found=found, direct=at, proxied=at, container=container, lack=lack)
            return Route(found=found, direct=at, proxied=through, proxy=name, container=container)
    lack = f"no proxy leads to {at[0]}:{at[1]}"
    return Route(found=found, direct=direct or at, proxied=at, container=container, lack=lack)


def _held(
    found: Found, login: Login, containers: tuple[Container, ...], *, ports: set[int], past: Address | None
) -> tuple[Container | None, Address | None]:
    """The container that holds this server, and the address by which that was found; not `past`, a proxy's."""
    for container in containers:
        known = container.addresses | {(ip, port) for ip in container.networks for port in ports}
        for address in sorted(known):
            if address != past and _leads_to(address, found, login):
                return container, address
    return None, None


def _leads_to(address: Address, found: Found, login: Login) -> bool:
    """Whether this very server answers at an address."""
    other = identify(address, login)
    return not isinstance(other, str) and other.identity == found.identity


def _seen(listen: Address, control_host: str, published: Mapping[int, int]) -> Address:
    """Where one reaches, from here, what listens everywhere on the control's machine, or in its container."""
    return (control_host, published.get(listen[1], listen[1])) if listen[0] in ANY else listen


def _same(one: Address, other: Address) -> bool:
    return one[1] == other[1] and (one[0] == other[0] or {one[0], other[0]} <= HERE)


def _address(text: str) -> Address:
    """`host:port` as the proxy engine writes it, with brackets about an IPv6 address."""
    host, _, port = text.rpartition(":")
    return (host.strip("[]"), int(port) if port.isdigit() else 0)
