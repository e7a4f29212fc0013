"""The final phase: everything is read back, directly from the servers, and put into the history."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

from pytest_arbredis.topology.kept import Kept, read_kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import redis

    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node

FINAL_PROCESS = 1_000_000
"""Process number of the first of the harness's own final reads."""

READ_AT_ONCE = 100

SLOW_READ_S = 10.0
SAMPLE = 50
"""Of so many keys, at most, it is looked for other names."""

BATCH = 500
READS = {
    "string": ("GET", "KEY"),
    "hash": ("HGETALL", "KEY"),
    "list": ("LRANGE", "KEY", "0", "-1"),
    "set": ("SMEMBERS", "KEY"),
    "zset": ("ZRANGE", "KEY", "0", "-1", "WITHSCORES"),
    "stream": ("XRANGE", "KEY", "-", "+"),
}
"""The command that reads a whole value of each type."""


def final_reads(deployment: Deployment, recorder: Recorder, keys: Iterable[str]) -> None:
    """Read every key from the primary, directly, each as an operation of its own.

    A batch is in flight at once, so its operations are those of as many processes. The first error ends the reading:
    what was not read is not judged. That none of the keys is there is no answer where others are that have their names
    in theirs: whoever keeps them so has lost nothing.
    """
    import redis

    primary = deployment.primary()
    client = primary.connect(timeout_s=SLOW_READ_S)
    wanted = list(keys)
    elsewhere = _elsewhere(client, wanted)
    for start in range(0, len(wanted), READ_AT_ONCE):
        batch = wanted[start : start + READ_AT_ONCE]
        tokens = [
            recorder.begin(process=FINAL_PROCESS + index, name="read", key=key, meta={"final": True})
            for index, key in enumerate(batch)
        ]
        reading = client.pipeline(transaction=False)
        for key in batch:
            reading.get(key)
        try:
            values = cast("list[str | None]", reading.execute())
            if elsewhere:
                raise redis.DataError(elsewhere)
        except redis.RedisError as error:
            for token in tokens:
                told = f"{type(error).__name__}: {error}"
                recorder.complete(token, outcome="unknown", error=told, node=primary.name)
            break
        for token, value in zip(tokens, values, strict=True):
            recorder.complete(token, outcome="ok", output=value, node=primary.name)
    client.close()


def _elsewhere(client: redis.Redis, keys: Sequence[str]) -> str:
    """Under which names the subject keeps these keys, if all are absent and it does so; for a reader."""
    import redis

    try:
        there = client.pipeline(transaction=False)
        for key in keys:
            there.exists(key)
        if not keys or any(there.execute()):
            return ""
        sample = keys[:: len(keys) // SAMPLE + 1]
        names = cast("Iterable[str]", client.scan_iter(count=1000))
        other = next((name for name in names if any(key in name for key in sample)), None)
    except redis.RedisError:
        return ""  # so will the reads say
    if other is None:
        return ""
    return f"the subject keeps its keys under other names, as {other}: read_back=False, and judge its own reads"


def snapshots(deployment: Deployment, recorder: Recorder, *, prefix: str) -> None:
    """Type, digest of the value, and expiry time of every key with a prefix, as every data node has it."""
    for node in deployment.nodes:
        keys = keyspace(node, prefix=prefix)
        recorder.note(source=node.name, data={"kind": "keyspace", "keys": keys})


def keyspace(node: Node, *, prefix: str) -> dict[str, Json]:
    """Key → [type, digest of the value, expiry as Unix milliseconds or -1], read in pipelines.

    The digest is of the value, not of its encoding: a replica may hold the same Set in another order.
    """
    client = node.connect(timeout_s=SLOW_READ_S, text=False)
    found: dict[str, Json] = {}
    try:
        keys = sorted(cast("bytes", key) for key in client.scan_iter(match=f"{prefix}*", count=1000))
        for start in range(0, len(keys), BATCH):
            found.update(_describe(client, keys[start : start + BATCH]))
    finally:
        client.close()
    return found


def _describe(client: redis.Redis, keys: Sequence[bytes]) -> dict[str, Json]:
    """Types, contents and expiry times of a batch of keys."""
    asking = client.pipeline(transaction=False)
    for key in keys:
        asking.type(key)
        asking.execute_command("PEXPIRETIME", key)
    answers = asking.execute()
    types = [answer.decode() for answer in answers[::2]]
    reading = client.pipeline(transaction=False)
    for key, kind in zip(keys, types, strict=True):
        reading.execute_command(*(word if word != "KEY" else key for word in READS.get(kind, ("EXISTS", "KEY"))))
    values = reading.execute(raise_on_error=False)
    return {
        key.decode(errors="backslashreplace"): [kind, _digest(kind, value), int(expiry)]
        for key, kind, value, expiry in zip(keys, types, values, answers[1::2], strict=True)
    }


def _digest(kind: str, value: Any) -> str:
    """A short digest of a value, whatever the order of a Set or Hash."""
    unordered = sorted(value.items()) if isinstance(value, dict) else value
    if kind == "set":
        unordered = sorted(value)
    return hashlib.blake2b(repr(unordered).encode(), digest_size=8).hexdigest()


def kept_data(deployment: Deployment, recorder: Recorder, kept: Iterable[Kept], keys: Iterable[str]) -> None:
    """What the failed nodes had of these keys before they were resynchronised."""
    wanted = list(keys)
    for one in kept:
        values = cast("dict[str, Json]", read_kept(deployment, one, wanted))
        data: dict[str, Json] = {"kind": "kept", "how": "append-only file of the failed node", "values": values}
        recorder.note(source=one.node, data=data)
