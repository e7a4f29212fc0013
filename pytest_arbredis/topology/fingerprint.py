"""Everything that a test may change in a server and a reset must bring back, read into a value.

What differs by nature (epochs, run ids, ages, roles) is left out; data, roles and links are looked at elsewhere.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pytest_arbredis.topology.node import HARNESS_CLIENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_arbredis.topology.node import Node

BY_ROLE: Final = frozenset({"replicaof", "slaveof"})
"""Directives that are restored by REPLICAOF, not by CONFIG SET."""
SECRET: Final = frozenset({"requirepass", "masterauth", "tls-key-file-pass", "tls-client-key-file-pass"})
SCRIPTS: Final = ("notification-script", "client-reconfig-script")
TIMES: Final = ("down-after-milliseconds", "failover-timeout")
WATCHED: Final = ("ip", "port", "quorum", "parallel-syncs", *TIMES, *SCRIPTS)
"""What SENTINEL MASTERS says of a primary that does not change by itself."""
LIVING: Final = ("sentinel myid ", "sentinel known-", "sentinel current-epoch ", "user ", "#")
LIVING_WORDS: Final = ("config-epoch", "leader-epoch")
"""Lines that a Sentinel writes into its file by itself, and those that ACL LIST gives as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """What a server is like.

    Of a data node: configuration, users, functions. Of a Sentinel: users, its file, primaries, SENTINEL DEBUG.
    `foreign` are the ids of connections that are neither the harness's, nor a Sentinel's, nor of replication; they are
    no part of what is compared.
    """

    configuration: Mapping[str, str] = field(default_factory=dict)
    users: tuple[str, ...] = ()
    functions: Mapping[str, str] = field(default_factory=dict)
    watched: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    periods: Mapping[str, str] = field(default_factory=dict)
    lines: frozenset[str] = frozenset()
    foreign: tuple[str, ...] = field(default=(), compare=False)

    def differences(self, now: Fingerprint) -> Iterator[str]:
        """What is not as it was here, for people, without secrets."""
        yield from _changed("", self.configuration, now.configuration)
        was, are = ({line.split()[1]: line for line in found.users} for found in (self, now))
        for name in sorted(was.keys() | are.keys()):
            if was.get(name) != are.get(name):
                yield f"the ACL of user {name}"
        for name in sorted(self.functions.keys() | now.functions.keys()):
            if self.functions.get(name) != now.functions.get(name):
                yield f"the function library {name}"
        for name in sorted(self.watched.keys() | now.watched.keys()):
            yield from _changed(f"SENTINEL MASTERS {name}: ", self.watched.get(name, {}), now.watched.get(name, {}))
        yield from _changed("SENTINEL DEBUG ", self.periods, now.periods)
        for line in sorted(self.lines ^ now.lines):
            words = line.split()
            yield f"the line {' '.join(words[: 2 if words[0] == 'sentinel' else 1])!r} of its file"


def read(node: Node) -> Fingerprint:
    """The fingerprint of a data node, in one round trip; whatever pauses its clients ends before."""
    import redis

    asking = node.client.pipeline(transaction=False)
    asking.execute_command("CLIENT UNPAUSE")
    asking.config_get("*")
    asking.acl_list()
    asking.client_list()
    asking.execute_command("FUNCTION", "LIST", "WITHCODE")
    _, configuration, users, clients, functions = asking.execute(raise_on_error=False)
    for answer in (configuration, users, clients):
        if isinstance(answer, Exception):
            raise answer
    return Fingerprint(
        configuration={name: value for name, value in configuration.items() if name not in BY_ROLE},
        users=_users(users),
        functions={} if isinstance(functions, redis.ResponseError) else dict(map(_library, functions)),
        foreign=_foreign(clients),
    )


def read_sentinel(node: Node) -> Fingerprint:
    """The fingerprint of a Sentinel: in one round trip, and from the file that it keeps."""
    import redis

    asking = node.client.pipeline(transaction=False)
    asking.execute_command("SENTINEL", "MASTERS")
    asking.acl_list()
    asking.client_list()
    asking.execute_command("SENTINEL", "DEBUG")
    masters, users, clients, periods = asking.execute(raise_on_error=False)
    if isinstance(masters, Exception):
        raise masters
    told = [_pairs(master) for master in masters]
    return Fingerprint(
        users=() if isinstance(users, redis.ResponseError) else _users(users),
        watched={master["name"]: {name: value for name, value in master.items() if name in WATCHED} for master in told},
        periods={} if isinstance(periods, redis.ResponseError) else _pairs(periods),
        lines=frozenset(_lines(node.server.spec.directory / "redis.conf")),
        foreign=() if isinstance(clients, redis.ResponseError) else _foreign(clients),
    )


def _users(lines: list[str]) -> tuple[str, ...]:
    """ACL LIST without a rule that is the default, and written only of a user who was reset."""
    return tuple(line.replace(" sanitize-payload", "") for line in lines)


def _pairs(flat: list[Any]) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _library(flat: list[Any]) -> tuple[str, str]:
    """Name of a function library, and a digest of its code."""
    told = _pairs(flat)
    return told["library_name"], hashlib.sha256(told["library_code"].encode()).hexdigest()


def _foreign(clients: list[dict[str, Any]]) -> tuple[str, ...]:
    return tuple(
        str(client["id"])
        for client in clients
        if (name := client.get("name", "")) != HARNESS_CLIENT
        and not name.startswith("sentinel-")
        and not set(client.get("flags", "")) & set("SM")
    )


def _lines(path: Path) -> Iterator[str]:
    """What its file says beyond what changes by itself, and beyond what SENTINEL MASTERS says."""
    for line in path.read_text().splitlines():
        words = line.split()
        if not words or line.startswith(LIVING) or (words[0] == "sentinel" and words[1] in LIVING_WORDS):
            continue
        if words[0] != "sentinel" or words[1] not in {"monitor", *WATCHED}:
            yield line


def _changed(prefix: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) == now.get(name):
            continue
        values = "" if name in SECRET else f" is {now.get(name)!r} instead of {was.get(name)!r}"
        yield f"{prefix}{name}{values}"
