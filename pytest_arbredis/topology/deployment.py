"""A topology that stands: its servers behind their proxies, who is what, waiting until whole, and the way back."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import ArbredisError, HarnessError, UsageError
from pytest_arbredis.servers.login import Login
from pytest_arbredis.servers.readiness import await_redis
from pytest_arbredis.servers.sentinel import TIMINGS, Timing
from pytest_arbredis.topology import formation, reset
from pytest_arbredis.topology.settled import MASTER_NAME, look
from pytest_arbredis.topology.spec import check_target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from pytest_arbredis.proxy.control import Control
    from pytest_arbredis.servers.launcher import Launcher
    from pytest_arbredis.topology.capabilities import Capability
    from pytest_arbredis.topology.dataset import Dump
    from pytest_arbredis.topology.node import Address, Node
    from pytest_arbredis.topology.spec import Topology

SETTLES_WITHIN_S = {"fast": 20.0, "production": 90.0}


class Deployment:
    """Handles to everything that was started. `servers` are all Redis processes: data nodes and Sentinels.

    `login` is how the code under test gets in (the default user), through the proxies.
    """

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
        login: Login | None = None,
    ) -> None:
        self.spec = spec
        self.nodes = nodes
        self.sentinels = sentinels
        self.control = control
        self.launcher = launcher
        self.root = root
        self.spare_port = spare_port
        self.described = dict(described)
        self.login = login or Login()
        self.dump: Dump | None = None
        self.poisoned = ""
        self.master_name = MASTER_NAME
        self.unsuited = ""
        """Why it is not what was asked for last: only servers that somebody else started are ever so."""
        self.ending: Callable[[], None] = lambda: None

    @property
    def servers(self) -> tuple[Node, ...]:
        """Data nodes, then Sentinels."""
        return self.nodes + self.sentinels

    @property
    def leaders(self) -> tuple[Node, ...]:
        """The data nodes that are primaries at the start: n0, and in a dual topology n1."""
        return self.nodes[: self.spec.primaries]

    @property
    def second(self) -> Node | None:
        """The other Redis of a dual topology."""
        return next(iter(self.leaders[1:]), None)

    @property
    def timing(self) -> Timing:
        """How the Sentinels are tuned."""
        return TIMINGS[self.spec.timing]

    @property
    def addresses(self) -> dict[Address, str]:
        """Every address, proxied and direct, with the name of its node."""
        return {address: node.name for node in self.servers for address in (node.proxied, node.upstream, node.direct)}

    def node(self, name: str) -> Node:
        """The node of this name."""
        for node in self.servers:
            if node.name == name:
                return node
        raise UsageError.unknown("node", name, (node.name for node in self.servers))

    def primary(self) -> Node:
        """The node that is primary now: the only one that says so, else the one that the Sentinels name.

        In a dual topology it is n0, whatever becomes of it.
        """
        if len(self.leaders) > 1:
            return self.nodes[0]
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
                answer = sentinel.client.sentinel_get_master_addr_by_name(self.master_name)
            except redis.RedisError:
                continue
            if isinstance(answer, tuple):
                return (str(answer[0]), int(answer[1]))
        return None

    def replicas(self) -> tuple[Node, ...]:
        """The running data nodes that are not the primary; nobody in a dual topology."""
        if len(self.leaders) > 1:
            return ()
        primary = self.primary()
        return tuple(node for node in self.nodes if node is not primary and node.is_running)

    def resolve(self, target: str) -> tuple[Node, ...]:
        """The nodes that a target names now. A role that nobody has here is a usage error."""
        check_target(target)
        if target == "primary":
            found: tuple[Node, ...] = (self.primary(),)
        elif target == "second":
            found = self.leaders[1:]
        elif target == "replicas":
            found = self.replicas()
        elif target == "replica":
            found = self.replicas()[:1]
        elif target == "nodes":
            found = self.nodes
        elif target == "sentinels":
            found = self.sentinels
        elif target == "minority":
            found = self.sentinels[self.spec.majority :]
        elif target == "majority":
            found = self.sentinels[-self.spec.majority :] if self.sentinels else ()
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
        login = node.login
        await_redis(node.server, address=node.direct, within_s=within_s, user=login.user, password=login.password)

    def start_again(self, node: Node) -> None:
        """Start a server that ended, and wait until it answers; a Sentinel is tuned again, which it does not save."""
        node.server.start()
        self.await_answering(node)
        if node in self.sentinels:
            formation.tune(node, self.timing.debug)

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
            upstream = f"{node.upstream[0]}:{node.upstream[1]}"
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
        reset.back_to_start(self)

    def restore_proxies(self) -> None:
        """All proxies enabled, on their upstreams, without toxics."""
        self.control.reset()
        states = self.control.proxies()
        for node in self.servers:
            upstream = f"{node.upstream[0]}:{node.upstream[1]}"
            state = states.get(node.name)
            if state is None:
                self.control.create(node.name, f"{node.proxied[0]}:{node.proxied[1]}", upstream)
            elif state.upstream != upstream:
                self.control.set_upstream(node.name, upstream)

    def revive(self, node: Node) -> None:
        """Let it run again, whether it was stopped or ended."""
        import signal

        if not node.is_running:
            self.start_again(node)
        elif node.may_be_stopped:
            node.server.signal(signal.SIGCONT)
        self.await_answering(node)

    def take_baseline(self) -> None:
        """Remember what every server is like as that of the start."""
        reset.take_start(self)

    def empty(self) -> None:
        """Nothing: what we start is empty, but for what was asked for."""

    def suit(self, wanted: Topology) -> str:  # noqa: ARG002 - what we start is what was asked for
        """Why it is not what is asked for, for people; nothing: it is."""
        return ""

    def refuses(self, needs: Iterable[Capability]) -> str:  # noqa: ARG002 - what we started we may do anything with
        """Why a fault with these needs is not allowed here, for people; nothing: it is."""
        return ""

    def refuses_names(self) -> str:
        """Why keys may not be written under other names than the run's, for people; nothing: they end with us."""
        return ""

    def writing_under(self, prefix: str) -> AbstractContextManager[None]:  # noqa: ARG002 - our servers end with us
        """While a load writes under a prefix, on servers that live on its keys get an expiry time."""
        return nullcontext()

    def remove(self, prefix: str) -> None:
        """Remove the keys of a run from servers that live on."""

    def at_end(self, action: Callable[[], None]) -> None:
        """Have something done after the servers have ended."""
        before = self.ending

        def ending() -> None:
            try:
                before()
            finally:
                action()

        self.ending = ending

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
