"""Everything that the primary holds, whatever its type and whoever wrote it, read back as final reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pytest_arbredis.topology.readback import FINAL_PROCESS, READS, SLOW_READ_S

if TYPE_CHECKING:
    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.topology.deployment import Deployment

MOST_KEYS: Final = 10_000
READ_AT_ONCE: Final = 100


def read_everything(deployment: Deployment, recorder: Recorder) -> None:
    """Every key of the primary as a final `read` of its own: a string, list, object, or sorted list for a Set.

    A sorted Set is a list of [member, score], a stream one of [id, fields]. Beyond `MOST_KEYS` the rest is noted, and
    not read.
    """
    import redis

    primary = deployment.primary()
    client = primary.connect(timeout_s=SLOW_READ_S, text=False)
    try:
        keys = sorted(cast("bytes", key) for key in client.scan_iter(count=1000))
        if len(keys) > MOST_KEYS:
            recorder.note("harness", {"kind": "not-read-back", "why": f"{len(keys) - MOST_KEYS} of {len(keys)} keys"})
        for start in range(0, min(len(keys), MOST_KEYS), READ_AT_ONCE):
            batch = keys[start : start + READ_AT_ONCE]
            tokens = [
                recorder.begin(process=FINAL_PROCESS + index, name="read", key=_text(key), meta={"final": True})
                for index, key in enumerate(batch)
            ]
            try:
                values = _values(client, batch)
            except redis.RedisError as error:
                for token in tokens:
                    recorder.complete(token, outcome="unknown", error=f"{type(error).__name__}: {error}")
                return
            for token, value in zip(tokens, values, strict=True):
                recorder.complete(token, outcome="ok", output=value, node=primary.name)
    finally:
        client.close()


def _values(client: Any, keys: list[bytes]) -> list[Json]:
    asking = client.pipeline(transaction=False)
    for key in keys:
        asking.type(key)
    kinds = [kind.decode() for kind in asking.execute()]
    reading = client.pipeline(transaction=False)
    for key, kind in zip(keys, kinds, strict=True):
        reading.execute_command(*(word if word != "KEY" else key for word in READS.get(kind, ("EXISTS", "KEY"))))
    return [_json(value) for value in reading.execute()]


def _json(value: Any) -> Json:
    if isinstance(value, dict):
        return {_text(field): _json(one) for field, one in value.items()}
    if isinstance(value, set):
        return sorted((_json(one) for one in value), key=repr)
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    return _text(value) if isinstance(value, bytes) else cast("Json", value)


def _text(value: bytes) -> str:
    return value.decode(errors="backslashreplace")
