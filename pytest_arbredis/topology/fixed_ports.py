"""Announced ports that somebody fixed, for bots with an address in their code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pytest_arbredis.errors import PortTakenError, UsageError
from pytest_arbredis.servers.ports import is_free, who_listens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

NAMES: Final = {"primary": "n0", "second": "n1", "sentinel": "s0"}
"""Roles at the start, and whose port it is. Every node may be named as well."""


def parse_ports(texts: Iterable[str], *, flag: str) -> tuple[tuple[str, int], ...]:
    """Ports as people write them, sorted: `primary=6379`, or several of them with commas or spaces between.

    A usage error names the `flag` and the text that is no `ROLE=N`; what it may say, `check_ports` knows.
    """
    found = set()
    for text in re.split(r"[,\s]+", " ".join(texts).strip()):
        role, _, number = text.partition("=")
        if role and number.isdecimal():
            found.add((role, int(number)))
        elif text:
            raise UsageError(
                f"{flag} {text!r}",
                remedy="use ROLE=N: primary=6379, n1=6380 (a data node), sentinel=26379, s1=26380",
            )
    return tuple(sorted(found))


def check_ports(ports: Iterable[tuple[str, int]]) -> None:
    """Refuse a role that nobody could have, a number that is no port, and two ports for one."""
    seen: dict[str, int] = {}
    for role, port in ports:
        if role not in NAMES and not re.fullmatch(r"[ns]\d+", role):
            raise UsageError.unknown("role of a fixed port", role, (*NAMES, "n0, n1, …", "s0, s1, …"))
        if type(port) is not int or not 0 < port < 65536:
            raise UsageError(f"the port of {role} is {port!r}", remedy="use a whole number from 1 to 65535")
        name = NAMES.get(role, role)
        if seen.get(name, port) != port or (name not in seen and port in seen.values()):
            raise UsageError(f"the port {port} of {role} contradicts another one", remedy="give each node one port")
        seen[name] = port


def fixed(ports: Iterable[tuple[str, int]], names: Collection[str]) -> dict[str, int]:
    """The ports of those nodes that were fixed; a role that this topology does not have is left out.

    Raises `PortTakenError` that says by whom a port is taken.
    """
    found = {name: port for role, port in ports if (name := NAMES.get(role, role)) in names}
    for name, port in found.items():
        if not is_free(port):
            raise PortTakenError(
                f"port {port}, which was asked for {name}, is taken by {who_listens(port) or 'an unknown process'}",
                remedy="end that process, or fix another port; workers of one run cannot share a fixed port (-n 0)",
            )
    return found
