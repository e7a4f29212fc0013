"""The data of a failed node, kept before the new primary overwrites it: a lost write is then shown lying there.

An append-only file is kept by hard links, made when the node fails: a zombie that wakes goes on writing into the same
file, and a resynchronisation only unlinks its own name of it. The links are read back by a Redis of our own.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.readiness import await_redis
from pytest_arbredis.servers.redis import redis_conf
from pytest_arbredis.topology.node import harness_client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

AOF_NAMES = ("appendonlydir", "appendonly.aof")
"""Where Redis keeps it: a folder from 7.0 on, one file before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Hard links to what a node had written when it failed."""

    node: str
    directory: Path


def keep(deployment: Deployment, node: Node) -> Kept | None:
    """Link the append-only files of a node now; None where it has none."""
    source = node.server.spec.directory
    present = [source / name for name in AOF_NAMES if (source / name).exists()]
    if not present:
        return None
    number = sum(1 for path in deployment.root.iterdir() if path.name.startswith(f"kept-{node.name}-"))
    directory = deployment.root / f"kept-{node.name}-{number}"
    directory.mkdir()
    for path in present:
        if path.is_dir():
            (directory / path.name).mkdir()
            for file in path.iterdir():
                os.link(file, directory / path.name / file.name)
        else:
            os.link(path, directory / path.name)
    return Kept(node=node.name, directory=directory)


def read_kept(deployment: Deployment, kept: Kept, keys: Iterable[str]) -> dict[str, str]:
    """The values of those keys in what was kept, read by starting a Redis of our own on it."""
    port = deployment.spare_port
    directory = kept.directory
    conf = directory / "redis.conf"
    extra = {"appendonly": "yes"}
    conf.write_text(
        redis_conf(
            port=port,
            directory=directory,
            announce=None,
            replica_of=None,
            extra=extra,
            version=deployment.launcher.version("redis"),
        )
    )
    spec = ServerSpec(name=f"kept-{kept.node}", kind="redis", args=(str(conf),), directory=directory, port=port)
    (server,) = deployment.launcher.launch([spec])
    try:
        await_redis(server, address=("127.0.0.1", port), within_s=20.0)
        client = harness_client(("127.0.0.1", port), timeout_s=10.0)
        wanted = list(keys)
        found: dict[str, str] = {}
        for start in range(0, len(wanted), 1000):
            batch = wanted[start : start + 1000]
            values = cast("list[str | None]", client.mget(batch))
            found.update({key: value for key, value in zip(batch, values, strict=True) if value is not None})
        client.close()
        return found
    finally:
        deployment.launcher.forget([server])
