"""The data that a primary begins with: none, what a function writes, or what an RDB file holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pytest_arbredis.errors import ServerDiedError, UsageError
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.readiness import await_redis
from pytest_arbredis.servers.redis import redis_conf
from pytest_arbredis.topology.node import harness_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    import redis

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

SLOW_S = 30.0
LOADED_WITHIN_S = 60.0
BATCH = 500
DATABASES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """What an RDB file holds: per database (key, expiry in Unix milliseconds or -1, value as of DUMP); functions."""

    entries: tuple[tuple[int, tuple[tuple[bytes, int, bytes], ...]], ...] = ()
    functions: bytes = b""


def renew(deployment: Deployment, primary: Node) -> None:
    """Empty a primary, data, scripts and functions, and give it again what the topology begins with."""
    import redis

    emptying = primary.client.pipeline(transaction=False)
    emptying.flushall()
    emptying.script_flush()
    emptying.execute_command("FUNCTION", "FLUSH")
    for answer in emptying.execute(raise_on_error=False)[:2]:
        if isinstance(answer, redis.RedisError):
            raise answer
    load(deployment, primary)


def load(deployment: Deployment, primary: Node) -> None:
    """Give an empty primary what the topology begins with."""
    given = deployment.spec.load
    if given is None:
        return
    client = primary.connect(timeout_s=SLOW_S, text=False)
    try:
        if isinstance(given, Path):
            _restore(client, _dump_of(deployment, given))
            return
        try:
            given(client)
        except Exception as error:
            name = getattr(given, "__name__", repr(given))
            raise UsageError(
                f"load={name} failed on an empty Redis: {type(error).__name__}: {error}",
                remedy="mend it; it is called with a redis.Redis at the start and after each reset",
            ) from error
    finally:
        client.close()


def _restore(client: redis.Redis, dump: Dump) -> None:
    for number, entries in dump.entries:
        for start in range(0, len(entries), BATCH):
            writing = client.pipeline(transaction=False)
            writing.execute_command("SELECT", number)
            for key, expiry, value in entries[start : start + BATCH]:
                writing.restore(key, max(expiry, 0), value, replace=True, absttl=True)
            writing.execute()
    client.execute_command("SELECT", 0)
    if dump.functions:
        client.execute_command("FUNCTION", "RESTORE", dump.functions)


def _dump_of(deployment: Deployment, path: Path) -> Dump:
    """What the file holds, read by starting a Redis of our own on it, once a deployment."""
    if deployment.dump is None:
        deployment.dump = _read(deployment, path)
    return deployment.dump


def _read(deployment: Deployment, path: Path) -> Dump:
    directory, port = deployment.root / "dump", deployment.spare_port
    directory.mkdir(exist_ok=True)
    shutil.copyfile(path, directory / "dump.rdb")
    conf = directory / "redis.conf"
    version = deployment.launcher.version("redis")
    conf.write_text(
        redis_conf(port=port, directory=directory, announce=None, replica_of=None, extra={}, version=version)
    )
    spec = ServerSpec(name="dump", kind="redis", args=(str(conf),), directory=directory, port=port)
    (server,) = deployment.launcher.launch([spec])
    try:
        await_redis(server, address=("127.0.0.1", port), within_s=LOADED_WITHIN_S)
        client = harness_client(("127.0.0.1", port), timeout_s=SLOW_S, text=False)
        entries = tuple((number, tuple(_entries(client, number))) for number in range(DATABASES))
        dump = Dump(entries=tuple(pair for pair in entries if pair[1]), functions=_functions(client))
        client.close()
    except ServerDiedError as error:
        raise UsageError(
            f"{path} could not be loaded by Redis {version}: {error.cause}",
            remedy="give an RDB file of this version of Redis or an earlier one",
        ) from error
    else:
        return dump
    finally:
        deployment.launcher.forget([server])


def _entries(client: redis.Redis, number: int) -> Iterator[tuple[bytes, int, bytes]]:
    import time

    client.execute_command("SELECT", number)
    keys = sorted(cast("Any", client.scan_iter(count=1000)))
    for start in range(0, len(keys), BATCH):
        asking = client.pipeline(transaction=False)
        for key in keys[start : start + BATCH]:
            asking.pttl(key)
            asking.dump(key)
        answers = asking.execute()
        for key, ttl, value in zip(keys[start : start + BATCH], answers[::2], answers[1::2], strict=True):
            if value is not None:
                yield key, -1 if ttl < 0 else int(time.time() * 1000) + ttl, value


def _functions(client: redis.Redis) -> bytes:
    import redis

    try:
        return cast("bytes", client.execute_command("FUNCTION", "DUMP")) if client.function_list() else b""
    except redis.ResponseError:
        return b""
