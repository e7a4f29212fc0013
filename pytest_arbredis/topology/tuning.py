"""Servers of somebody else, brought to the timing and directives that a scenario asks for, and back again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from pytest_arbredis.servers.sentinel import TIMINGS
from pytest_arbredis.topology import formation, safety

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Node
    from pytest_arbredis.topology.spec import Topology

SET: Final = ("down-after-milliseconds", "failover-timeout", "parallel-syncs")


class Tuning:
    """What was changed of the servers, remembered when it is first changed."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._conf: dict[str, str] = {}
        self._sentinels: dict[str, dict[str, str]] = {}
        self._periods: dict[str, dict[str, str]] = {}

    def bring(self, wanted: Topology, *, allowed: bool) -> str:
        """Bring them there; why that is not possible, or nothing. Directives of an earlier wish are put back."""
        wishes = {**self._conf, **dict(wanted.conf)}
        for name, value in wishes.items():
            if why := self._directive(name, value, allowed=allowed):
                return why
        if not self._deployment.sentinels or wanted.kind != "sentinel":
            return ""
        if wanted.timing != "fast":
            self._restore_sentinels()
            return ""
        return self._fast(allowed=allowed)

    def restore(self) -> None:
        """Everything as it was found. A server that does not answer is an error of redis-py."""
        for name, value in self._conf.items():
            self._directive(name, value, allowed=True)
        self._conf.clear()
        self._restore_sentinels()

    def _directive(self, name: str, value: str, *, allowed: bool) -> str:
        import redis

        for node in self._deployment.nodes:
            try:
                found = cast("dict[str, str]", node.client.config_get(name))
                now = found.get(name)
                if now is None:
                    return f"it asks for the directive {name}, which {node.name} does not know"
                if _same(now, value):
                    continue
                if not allowed:
                    return f"it asks for {name} {value}, and {node.name} has {now!r}; {safety.NO_RIGHT}"
                self._conf.setdefault(name, now)
                node.client.config_set(name, value)
            except redis.ResponseError as error:
                return f"it asks for {name} {value}, and {node.name} refuses: {error}"
        return ""

    def _fast(self, *, allowed: bool) -> str:
        from pytest_arbredis.errors import HarnessError

        deployment, timing = self._deployment, TIMINGS["fast"]
        for index, sentinel in enumerate(deployment.sentinels):
            settings = {
                "down-after-milliseconds": str(timing.down_after(index, quorum=deployment.spec.quorum)),
                "failover-timeout": str(timing.failover_timeout_ms),
                "parallel-syncs": "1",
            }
            try:
                tuned = formation.is_tuned(sentinel, timing)
                now = self._told(sentinel)
                if tuned and now == settings:
                    continue
                if not allowed:
                    return f"it asks for fast timing, and the Sentinels have their own; {safety.NO_RIGHT}"
                self._periods.setdefault(sentinel.name, _periods(sentinel))
                self._sentinels.setdefault(sentinel.name, now)
                formation.tune(sentinel, timing.debug)
                self._set(sentinel, settings)
            except HarnessError as error:
                return f"it asks for fast timing: {error.cause}"
        return ""

    def _told(self, sentinel: Node) -> dict[str, str]:
        told = cast("dict[str, Any]", sentinel.client.sentinel_master(self._deployment.master_name))
        return {name: str(told[name]) for name in SET}

    def _set(self, sentinel: Node, settings: Mapping[str, str]) -> None:
        arguments = [part for pair in settings.items() for part in pair]
        sentinel.client.execute_command("SENTINEL", "SET", self._deployment.master_name, *arguments)

    def _restore_sentinels(self) -> None:
        for sentinel in self._deployment.sentinels:
            if periods := self._periods.pop(sentinel.name, None):
                formation.tune(sentinel, tuple((name, int(value)) for name, value in periods.items()))
            if settings := self._sentinels.pop(sentinel.name, None):
                self._set(sentinel, settings)


def _periods(sentinel: Node) -> dict[str, str]:
    """What SENTINEL DEBUG answers, of what we change."""
    answer = [str(part) for part in cast("list[str]", sentinel.client.execute_command("SENTINEL", "DEBUG"))]
    found = {name.lower(): value for name, value in zip(answer[::2], answer[1::2], strict=True)}
    return {name: found[name] for name, _ in TIMINGS["fast"].debug if name in found}


def _same(now: str, value: str) -> bool:
    """`64mb` and 67108864 are the same."""
    return now.lower() == value.lower() or (now.isdigit() and now == str(_bytes(value)))


def _bytes(value: str) -> int:
    units = {"k": 10**3, "kb": 2**10, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}
    text = value.lower()
    number = text.rstrip("kmgb")
    return int(number) * units.get(text[len(number) :], 1) if number.isdigit() else -1
