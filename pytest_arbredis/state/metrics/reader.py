"""Reads the metrics that state managers keep under a namespace. It only reads."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclass fields are resolved at run time by users' tools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_arbredis.state.errors import CorruptedError
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.calls import COMPONENT
from pytest_arbredis.state.manager.metrics import metrics_of
from pytest_arbredis.state.manager.naming import Namespace, namespace_of
from pytest_arbredis.state.manager.values import METRICS, Number, own_field
from pytest_arbredis.state.moment import US, hashes

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Plan
    from pytest_arbredis.state.connections.running import Runs, RunsAsync


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The metrics of a namespace (`{mode}:{env}`) that are set, in their order, at a time of the server.

    `at_s` is in seconds since 1970. `last_heartbeat`, if nobody set it, is that of the component `main`.
    """

    mode: str
    env: str
    key_prefix: str
    at_s: float
    values: Mapping[str, Number]

    @property
    def namespace(self) -> str:
        """`{mode}:{env}`."""
        return f"{self.mode}:{self.env}"


def reading(names: Namespace) -> Plan[Metrics]:
    """The metrics, the heartbeat and the server's time, at one moment."""
    now_us, (raw, beat) = yield from hashes(names.metrics, names.heartbeat(COMPONENT))
    found = metrics_of(raw)
    at_us = own_field(beat, "at")
    if "last_heartbeat" not in found and at_us is not None:
        if not at_us.isdigit():
            raise CorruptedError(f"{names.heartbeat(COMPONENT)} is no heartbeat", remedy="who else writes it?")
        found["last_heartbeat"] = int(at_us) / US
    return Metrics(
        mode=names.mode,
        env=names.place,
        key_prefix=names.key_prefix,
        at_s=now_us / US,
        values={name: found[name] for name in METRICS if name in found},
    )


class MetricsReader:
    """Reads the metrics of one namespace; raises `KeyRefusedError` for a bad one."""

    def __init__(self, redis: Runs, *, namespace: str, key_prefix: str = "arbitrage") -> None:
        self._redis = redis
        self._names = namespace_of(namespace, key_prefix)

    def read(self, *, within_s: float | None = None) -> Metrics:
        """The metrics as they are now. Raises `StateError`: there is no fallback here."""
        return self._redis.run(reading(self._names), kind=Kind.NORMAL, within_s=within_s)


class AsyncMetricsReader:
    """As `MetricsReader`, for asyncio."""

    def __init__(self, redis: RunsAsync, *, namespace: str, key_prefix: str = "arbitrage") -> None:
        self._redis = redis
        self._names = namespace_of(namespace, key_prefix)

    async def read(self, *, within_s: float | None = None) -> Metrics:
        """As `MetricsReader.read`."""
        return await self._redis.run(reading(self._names), kind=Kind.NORMAL, within_s=within_s)
