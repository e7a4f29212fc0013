"""Client pause: the server lets its clients' commands wait, and then runs all of them in a burst."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature
from pytest_arbredis.faults.passage import SILENT_S

if TYPE_CHECKING:
    from redis.client import Monitor

    from pytest_arbredis.topology.node import Node

LEAST_MS, MOST_MS = 500, 600_000
"""A shorter pause could be over before its probe has looked."""

ANSWERS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientPause:
    """CLIENT PAUSE for `ms`, or until it is healed: commands (with `writes_only` writes) wait, and then all are run.

    Those of clients that hung up meanwhile are not. Replication goes on. A Sentinel's PING waits too, unless
    `writes_only`: after its patience (500 ms with the fast timing) it holds the target for down, and a primary gets a
    successor; what was queued is then run by the old one, and lost when that is demoted.
    """

    name: ClassVar[str] = "client_pause"
    nature: ClassVar[Nature] = Nature(
        client_sees="nothing (with writes_only: no write) is answered: time-outs; then all that waits runs in a burst",
        seen_by="the process runs and a PING gets no reply (with writes_only: a PUBLISH gets none, and a PING does)",
        example='faults.client_pause("primary", ms=5000, writes_only=True)',
        cuts=True,
    )

    ms: int
    writes_only: bool = False

    def __post_init__(self) -> None:
        """Refuse a pause that could not be shown, or that nobody would wait for."""
        if not isinstance(self.ms, int) or not LEAST_MS <= self.ms <= MOST_MS:
            raise UsageError(
                f"client pause of ms={self.ms!r}",
                remedy=f"use whole milliseconds, {LEAST_MS} to {MOST_MS}; it may be healed earlier",
            )

    def inject(self, site: Site) -> Undo:
        """Pause each target, with a way to end it before its time."""
        for node in site.nodes:
            if node in site.deployment.sentinels:
                raise UsageError(f"client pause on {node.name}, a Sentinel", remedy="use the fault 'pause' there")
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                exempt = None if self.writes_only else _exempt(node)
                undos.append(_going_on(node, exempt))
                node.client.execute_command("CLIENT", "PAUSE", self.ms, "WRITE" if self.writes_only else "ALL")
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """Each target's process runs and a PING gets no reply; with `writes_only` a PUBLISH gets none, a PING does."""
        seen = [self._seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""

    def _seen(self, node: Node) -> str:
        within = f"within {SILENT_S * 1000:.0f} ms"
        if self.writes_only:
            waits = _asked(node, "PING") == "answered" and _asked(node, "PUBLISH", "arbredis:probe", "") == "silent"
            return f"{node.name}: a PUBLISH is not answered {within}, a PING is" if waits else ""
        waits = node.is_running and _asked(node, "PING") == "silent"
        return f"{node.name}: pid {node.server.pid} runs, a PING is not answered {within}" if waits else ""


def _asked(node: Node, *words: str) -> Literal["answered", "silent", "unreachable"]:
    """What becomes of a command over a fresh connection, without the proxy. PUBLISH waits like a write, and is none."""
    import redis

    client = node.connect(timeout_s=SILENT_S)
    try:
        client.execute_command(*words)
    except redis.TimeoutError:
        return "silent"
    except redis.ResponseError:
        return "answered"
    except redis.RedisError:
        return "unreachable"
    finally:
        client.close()
    return "answered"


def _exempt(node: Node) -> Monitor:
    """A connection whose commands do not wait: one that has sent MONITOR counts as a replica, and those never pause.

    It asks for no replies: what it would be told of other clients' commands after the pause would pile up unread.
    """
    monitor = cast("Monitor", node.client.monitor())
    monitor.__enter__()
    monitor.connection.send_command("CLIENT", "REPLY", "OFF")
    return monitor


def _going_on(node: Node, exempt: Monitor | None) -> Undo:
    healed = False

    def undo() -> None:
        nonlocal healed
        if healed:
            return
        if node.is_running:  # else the pause has ended with the process
            _unpause(node, exempt)
        if exempt is not None:
            exempt.__exit__(None, None, None)
        healed = True

    return undo


def _unpause(node: Node, exempt: Monitor | None) -> None:
    import redis

    try:
        if exempt is None:
            node.client.execute_command("CLIENT", "UNPAUSE")
        else:
            exempt.connection.send_command("CLIENT", "UNPAUSE")
    except redis.RedisError:
        pass  # the connection went with a restart or a demotion; whether anything is paused is seen below

    def answers() -> bool:
        try:
            return bool(node.client.ping())
        except redis.RedisError:
            return False

    wait_until(answers, within_s=ANSWERS_WITHIN_S, what=f"{node.name} to answer after CLIENT UNPAUSE")
