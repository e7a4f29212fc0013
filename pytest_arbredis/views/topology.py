"""The topology of one test, or of one fixture of a wider scope: roles, addresses, clients, faults."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import ArbredisError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

    import redis
    from redis.asyncio import Redis as AsyncRedis
    from redis.sentinel import Sentinel

    from pytest_arbredis.faults.bench import FaultBench
    from pytest_arbredis.faults.nemesis import Nemesis
    from pytest_arbredis.history.history import History
    from pytest_arbredis.history.recorder import Recorder
    from pytest_arbredis.servers.login import Login
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address, Node
    from pytest_arbredis.topology.primary_link import PrimaryLink
    from pytest_arbredis.views.recording import OperationRecorder


@dataclass(eq=False, repr=False)
class TopologyView:
    """What a test sees of its servers."""

    deployment: Deployment
    nemesis: Nemesis
    recorder: Recorder
    path: Path
    seed: int
    undo: ExitStack
    """What it opened, closed when it ends."""
    _bench: list[FaultBench] = field(default_factory=list)
    _operations: list[OperationRecorder] = field(default_factory=list)
    _link: list[PrimaryLink] = field(default_factory=list)
    _owed: list[Callable[[], str]] = field(default_factory=list)

    @property
    def faults(self) -> FaultBench:
        """Faults on this topology."""
        from pytest_arbredis.faults.bench import FaultBench

        if not self._bench:
            self._bench.append(FaultBench(self.nemesis))
        return self._bench[0]

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All data nodes, n0 first."""
        return self.deployment.nodes

    @property
    def sentinels(self) -> tuple[Node, ...]:
        """All Sentinels."""
        return self.deployment.sentinels

    @property
    def primary(self) -> Node:
        """The node that is primary now."""
        return self.deployment.primary()

    @property
    def replicas(self) -> tuple[Node, ...]:
        """The running data nodes that are not primary now."""
        return self.deployment.replicas()

    @property
    def master_name(self) -> str:
        """The name that the Sentinels know the primary by."""
        return self.deployment.master_name

    def client(self, *, recorded: bool = False) -> redis.Redis:
        """A `redis.Redis` with the library's defaults to the present primary, through its proxy.

        Recorded, each of its operations is in the test's history (see `operations`).
        """
        import redis

        host, port = self.primary.proxied
        if not recorded:
            return redis.Redis(host=host, port=port, **self._login)
        from pytest_arbredis.views.recorded_redis import recorded as recording

        nodes = self.deployment.addresses
        return recording(self.operations, (host, port), nodes=nodes, **self._login)

    @property
    def operations(self) -> OperationRecorder:
        """The recorder of the operations of this test."""
        from pytest_arbredis.views.recording import OperationRecorder

        if not self._operations:
            self._operations.append(OperationRecorder(self))
            self.undo.callback(self._operations[0].close)
        return self._operations[0]

    def async_client(self, *, recorded: bool = False) -> AsyncRedis:
        """A `redis.asyncio.Redis` to the present primary, through its proxy; unconnected.

        What is left open of it ends with the event loop that it was used in. Recorded, each of its operations is in the
        test's history.
        """
        from pytest_arbredis.views.async_client import async_client, ending

        address = self.primary.proxied
        if not recorded:
            return async_client(address, **self._login)
        from pytest_arbredis.views.recorded_async_redis import recorded_async

        return ending(recorded_async(self.operations, address, nodes=self.deployment.addresses, **self._login))

    def sentinel(self) -> Sentinel:
        """A `redis.sentinel.Sentinel` that knows all Sentinels, through their proxies."""
        from redis.sentinel import Sentinel

        self._require_sentinels()
        known = [node.proxied for node in self.sentinels]
        settings = {**self._open_login.options(), "socket_timeout": 1.0}
        return Sentinel(known, sentinel_kwargs=settings, **{**self._login, "socket_timeout": 1.0})

    def settled(self, *, within_s: float | None = None) -> None:
        """Wait until the topology is whole: one primary, all links up, all Sentinels of one mind."""
        self.deployment.settled(within_s=within_s)

    @property
    def url(self) -> str:
        """Address of n0, the primary at the start, through its proxy."""
        return self.deployment.login.url(self.nodes[0].proxied)

    @property
    def direct_url(self) -> str:
        """Address of n0, the primary at the start, past its proxy."""
        return self.deployment.login.plain().url(self.nodes[0].direct)

    @property
    def primary_url(self) -> str:
        """One stable address that follows the primary, through its proxy."""
        if not self._link:
            from pytest_arbredis.topology.primary_link import PrimaryLink

            noting = partial(self.recorder.note, "primary-link")
            self._link.append(self.undo.enter_context(PrimaryLink(self.deployment, note=noting)))
        return self.deployment.login.url(self._link[0].address)

    @property
    def sentinel_urls(self) -> tuple[str, ...]:
        """Addresses of all Sentinels, through their proxies."""
        self._require_sentinels()
        return tuple(self._open_login.url(node.proxied) for node in self.sentinels)

    def floor_login(self, address: Address) -> Login:
        """How one gets in at an address of a data node: servers speak TLS only at the announced ones."""
        login = self.deployment.login
        return login.plain() if address in {node.direct for node in self.nodes} else login

    @property
    def _login(self) -> dict[str, Any]:
        """What a client of the code under test is given to get in."""
        return self.deployment.login.options()

    @property
    def _open_login(self) -> Login:
        """The same for Sentinels, which let everybody in."""
        return replace(self.deployment.login, user=None, password=None)

    def _require_sentinels(self) -> None:
        if not self.sentinels:
            raise UsageError("this topology has no Sentinels", remedy="use the marker arbredis(topology='sentinel')")

    @property
    def env(self) -> dict[str, str]:
        """Addresses as environment variables; all through proxies."""
        from pytest_arbredis.topology.environment import redis_environment

        sentinels, second = [node.proxied for node in self.sentinels], self.deployment.second
        return redis_environment(
            self.nodes[0].proxied,
            sentinels,
            self.master_name,
            self.deployment.login,
            second=None if second is None else second.proxied,
        )

    def history(self) -> History:
        """What was recorded up to now: operations, faults with their evidence, events."""
        from pytest_arbredis.history.jsonl import load

        return load(self.path)

    @property
    def injected(self) -> int:
        """How many faults were injected up to now."""
        return len(self._bench[0].handles) if self._bench else 0

    def owe(self, complaint: Callable[[], str]) -> None:
        """Ask this at the end of the test, too: what the test has left undone, empty if nothing."""
        self._owed.append(complaint)

    def complaints(self, since: int = 0) -> list[str]:
        """Of faults, from the one with that number on, that nothing of the test has met; each is judged once.

        And of what the test left undone.
        """
        owed, self._owed = self._owed, []
        undone = [text for complaint in owed if (text := complaint())]
        return undone + (self._bench[0].complaints(since) if self._bench else [])

    def story(self) -> str:
        """The section `arbredis` of a failing test: servers, faults, roles, Sentinels' events, last log lines."""
        from pytest_arbredis.report.story import story

        try:
            history = self.history()
        except (OSError, ArbredisError) as error:
            return f"the history could not be read: {error}"
        logs = {node.name: node.server.log_tail(5) for node in self.deployment.servers}
        return story(self.deployment.described, history, logs) + f"\nseed {self.seed}"

    def __repr__(self) -> str:
        return f"<{self.deployment.spec}, {', '.join(node.name for node in self.deployment.servers)}>"
