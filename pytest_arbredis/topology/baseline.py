"""The configuration and the users that a server started with, and the way back to them: value and file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UnhealedError
from pytest_arbredis.topology.fingerprint import SECRET, read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_arbredis.topology.node import Node

CONF = "redis.conf"
ACL_FILE = "users.acl"
RULE = re.compile(r"\([^)]*\)|\S+")
"""One rule of a user; those of a selector stand in parentheses."""


def read_configuration(node: Node) -> dict[str, str]:
    """CONFIG GET *, without what changes by role."""
    return dict(read(node).configuration)


def differences(node: Node, now: Mapping[str, str] | None = None) -> dict[str, tuple[str, str]]:
    """Directives that are not as at the start: name → (at the start, now)."""
    now = read_configuration(node) if now is None else now
    return {name: (wanted, now.get(name, "")) for name, wanted in node.baseline.items() if now.get(name, "") != wanted}


def restore(node: Node, now: Mapping[str, str] | None = None) -> None:
    """CONFIG SET what differs; the file is restored last, when no Sentinel rewrites it any more.

    Raises `UnhealedError` if a directive cannot be set back at run time.
    """
    import redis

    for name, (wanted, found) in differences(node, now).items():
        try:
            node.client.config_set(name, wanted)
        except redis.RedisError as error:
            values = "" if name in SECRET else f" is {found!r} and cannot be set back to {wanted!r}"
            raise UnhealedError(
                f"{node.name}: {name}{values or ' cannot be set back'}: {error}", remedy="the deployment is rebuilt"
            ) from error


def restore_users(node: Node, wanted: Sequence[str], now: Sequence[str]) -> None:
    """ACL SETUSER of every user that differs from `wanted`, ACL DELUSER of every other; lines as of ACL LIST."""
    client = node.client
    were, are = ({line.split()[1]: line for line in lines} for lines in (wanted, now))
    if surplus := are.keys() - were.keys():
        client.execute_command("ACL", "DELUSER", *sorted(surplus))
    for name, line in were.items():
        if are.get(name) != line:
            client.execute_command("ACL", "SETUSER", name, "reset", *RULE.findall(line)[2:])


def read_file(node: Node) -> str:
    """The text of its configuration file."""
    return _file(node, CONF).read_text()


def restore_file(node: Node) -> None:
    """The files that it started with, if CONFIG REWRITE (ours, a test's, a Sentinel's) or ACL SAVE has changed them."""
    write_file(node, CONF, node.conf_text)
    if node.acl_text:
        write_file(node, ACL_FILE, node.acl_text)


def write_file(node: Node, name: str, text: str) -> None:
    """Have a file say this.

    Replaced, not rewritten in place: a container's server may have left a file of another user.
    """
    path = _file(node, name)
    if not path.exists() or path.read_text() != text:
        fresh = path.with_name(f"{path.name}.fresh")
        fresh.write_text(text)
        fresh.replace(path)


def _file(node: Node, name: str) -> Path:
    return node.server.spec.directory / name
