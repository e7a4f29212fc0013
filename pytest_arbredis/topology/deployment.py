"""A topology that stands: its servers behind their proxies, who is what, waiting until whole, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError
from pytest_arbredis.servers.readiness import await_redis
from pytest_arbredis.servers.sentinel import TIMINGS, Timing
from pytest_arbredis.topology import baseline, formation
from pytest_arbredis.topology.settled import MASTER_NAME, look
from pytest_arbredis.topology.spec import check_target

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.proxy.control import Control
    from pytest_arbredis.servers.launcher import Launcher
    from pytest_arbredis.topology.node import Address, Node
    from pytest_arbredis.topology.spec import Topology

SETTLES_WITHIN_S = {"fast": 20.0, "production": 90.0}


class Deployment:
    """Handles to everything that was started. `servers` are all Redis processes: data nodes and Sentinels."""

    def __init__(
        self,
        spec: Topology,
        *,
        nodes: tuple[Node, ...],
        sentinels: tuple[Node, ...],
        control: Control,
        launcher: Launcher,
        root: Path,
        spare_port: int,
        described: Mapping[str, str],
    ) -> None:
        self.spec = spec
        self.nodes = nodes
        self.sentinels = sentinels
        self.control = control
        self.launcher = launcher
        self.root = root
        self.spare_port = spare_port
        self.described = dict(described)
        self.poisoned = ""
        self.ending: Callable[[], None] = lambda: None

    @property
    def servers(self) -> tuple[Node, ...]:
        """Data nodes, then Sentinels."""
        return self.nodes + self.sentinels

    @property
    def timing(self) -> Timing:
        """How the Sentinels are tuned."""
        return TIMINGS[self.spec.timing]

    @property
    def addresses(self) -> dict[Address, str]:
        """Every address, proxied and direct, with the name of its node."""
        return {address: node.name for node in self.servers for address in (node.proxied, node.direct)}

    def node(self, name: str) -> Node:
        """The node of this name."""
        for node in self.servers:
            if node.name == name:
                return node
        raise UsageError.unknown("node", name, (node.name for node in self.servers))

    def primary(self) -> Node:
        """The node that is primary now: the only one that says so, else the one that the Sentinels name."""
        claiming = [node for node in self.nodes if (role := node.role()) is not None and role.role == "master"]
        if len(claiming) == 1:
            return claiming[0]
        named = self._named_by_sentinels()
        for node in self.nodes:
            if node.proxied == named and (node in claiming or not claiming):
                return node
        raise HarnessError(
            f"no node is primary now (claiming: {[node.name for node in claiming]}, Sentinels name {named})",
            remedy="wait for .settled(), or name the node itself: n0, n1, …",
        )

    def _named_by_sentinels(self) -> Address | None:
        import redis

        for sentinel in self.sentinels:
            try:
                answer = sentinel.client.sentinel_get_master_addr_by_name(MASTER_NAME)
            except redis.RedisError:
                continue
            if isinstance(answer, tuple):
                return (str(answer[0]), int(answer[1]))
        return None

    def replicas(self) -> tuple[Node, ...]:
        """The running data nodes that are not the primary."""
        primary = self.primary()
        return tuple(node for node in self.nodes if node is not primary and node.is_running)

    def resolve(self, target: str) -> tuple[Node, ...]:
        """The nodes that a target names now. A role that nobody has here is a usage error."""
        check_target(target)
        if target == "primary":
            found: tuple[Node, ...] = (self.primary(),)
        elif target == "replicas":
            found = self.replicas()
        elif target == "replica":
            found = self.replicas()[:1]
        elif target == "nodes":
            found = self.nodes
        elif target == "sentinels":
            found = self.sentinels
        elif target == "minority":
            found = self.sentinels[self.spec.quorum :]
        elif target == "majority":
            found = self.sentinels[: self.spec.quorum]
        elif target == "crashed":
            found = tuple(node for node in self.servers if not node.is_running)
        else:
            found = (self.node(target),)
        if not found:
            raise UsageError(
                f"no node is {target!r} in this topology now: {self.spec}",
                remedy="use a target that exists here: " + ", ".join(node.name for node in self.servers),
            )
        return found

    def await_answering(self, node: Node, *, within_s: float = 10.0) -> None:
        """Wait until this server answers and is ours."""
        await_redis(node.server, address=node.direct, within_s=within_s)

    def settled(self, *, within_s: float | None = None) -> None:
        """Wait until the topology is whole: one primary, all links up, all Sentinels of one mind, proxies clean."""
        wait_until(
            lambda: look(self),
            within_s=SETTLES_WITHIN_S[self.spec.timing] if within_s is None else within_s,
            what=f"a whole topology, {self.spec}",
            remedy="see the logs of the servers, and that no fault is left in force",
        )

    def proxies_differ(self) -> str:
        """The first proxy that is not as at the start, or nothing."""
        states = self.control.proxies()
        for node in self.servers:
            state = states.get(node.name)
            upstream = f"{node.direct[0]}:{node.direct[1]}"
            if state is None or not state.enabled or state.toxics or state.upstream != upstream:
                return f"the proxy of {node.name} is not as at the start: {state}"
        return ""

    def reset(self) -> None:
        """Make everything as at the start: data, roles, Sentinels, configuration, proxies; without a restart.

        Raises `ArbredisError` and poisons the deployment if that is not possible: the owner rebuilds it then.
        """
        import redis

        try:
            self._reset()
        except ArbredisError as error:
            self.poisoned = str(error)
            raise
        except redis.RedisError as error:
            self.poisoned = f"a server would not be reset: {type(error).__name__}: {error}"
            raise HarnessError(self.poisoned, remedy="the deployment is rebuilt") from error

    def _reset(self) -> None:
        if self.poisoned:
            raise HarnessError(f"the deployment is poisoned: {self.poisoned}", remedy="rebuild it")
        if self.proxies_differ():
            self.restore_proxies()
        for node in self.servers:
            self.revive(node)
        for node in self.nodes:
            if baseline.differences(node):
                baseline.restore(node)
        first = self.nodes[0]
        role = first.role()
        untouched = role is not None and role.role == "master" and self._timing_untouched() and look(self)
        if untouched:
            for node in self.nodes:
                node.client.execute_command("CLIENT", "UNPAUSE")
            first.client.flushall()
            first.client.script_flush()
        else:
            formation.form(self)
        self.settled()
        for node in self.nodes:
            baseline.restore_file(node)

    def restore_proxies(self) -> None:
        """All proxies enabled, on their upstreams, without toxics."""
        self.control.reset()
        states = self.control.proxies()
        for node in self.servers:
            upstream = f"{node.direct[0]}:{node.direct[1]}"
            state = states.get(node.name)
            if state is None:
                self.control.create(node.name, f"{node.proxied[0]}:{node.proxied[1]}", upstream)
            elif state.upstream != upstream:
                self.control.set_upstream(node.name, upstream)

    def revive(self, node: Node) -> None:
        """Let it run again, whether it was stopped or ended."""
        import signal

        if not node.is_running:
            node.server.start()
        elif node.may_be_stopped:
            node.server.signal(signal.SIGCONT)
        self.await_answering(node)

    def _timing_untouched(self) -> bool:
        """Every Sentinel has the quorum and times that it was given; a restart forgets those of SENTINEL DEBUG."""
        import redis

        for index, sentinel in enumerate(self.sentinels):
            try:
                master = cast("dict[str, Any]", sentinel.client.sentinel_master(MASTER_NAME))
            except redis.ResponseError:
                return False
            if not formation.is_tuned(sentinel, self.timing):
                return False
            found = (
                int(master["down-after-milliseconds"]),
                int(master["failover-timeout"]),
                int(master["parallel-syncs"]),
                int(master["quorum"]),
            )
            down_after_ms = self.timing.down_after(index, quorum=self.spec.quorum)
            wanted = (down_after_ms, self.timing.failover_timeout_ms, 1, self.spec.quorum)
            if found != wanted:
                return False
        return True

    def take_baseline(self) -> None:
        """Remember the configuration of every data node as that of the start."""
        for node in self.nodes:
            node.baseline = baseline.read_configuration(node)
            node.conf_text = baseline.read_file(node)

    def close(self) -> None:
        """End all servers and give back all ports. Idempotent."""
        for node in self.servers:
            node.close()
        self.ending()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
