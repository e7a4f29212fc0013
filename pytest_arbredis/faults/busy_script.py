"""Busy script: a Lua script that does not end, called again and again; everybody else is refused with BUSY.

A Sentinel that holds the server for down sends SCRIPT KILL, once; the script is called again, as the application that
has such a script would. -BUSY is no valid reply to a Sentinel's PING, so with Sentinels another primary is promoted.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.configuration import changed
from pytest_arbredis.faults.fault import Site, Undo, undoing_all
from pytest_arbredis.faults.nature import Nature

if TYPE_CHECKING:
    import redis

    from pytest_arbredis.topology.node import Node

THRESHOLD_MS: Final = 50
"""After so long a server with a busy script answers others again, with BUSY (the default is 5 s)."""

SECONDS: Final = 50
ROUNDS: Final = 50_000_000
SCRIPT: Final = f"""
local from, rounds = redis.call('TIME'), 0
repeat
  rounds = rounds + 1
until redis.call('TIME')[1] - from[1] >= {SECONDS} or rounds >= {ROUNDS}
return rounds
"""
"""Ends by itself within a minute, should nobody be left to kill it: by the clock, which stands still within a script
from Redis 7.2 on, or by its rounds, of about a microsecond each. It writes nothing, so it can always be killed."""

KILLED_WITHIN_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyScript:
    """The target runs nothing but a script of ours. Healed by SCRIPT KILL, and by restoring the threshold."""

    name: ClassVar[str] = "busy_script"
    nature: ClassVar[Nature] = Nature(
        client_sees="commands wait for a moment, then are refused with BUSY, certainly not applied; with Sentinels "
        "another primary",
        seen_by="a PING through the proxy is answered with BUSY",
        example='faults.busy_script("primary")',
        cuts=True,
    )

    def inject(self, site: Site) -> Undo:
        """Lower the threshold of each target and start to call the script there."""
        for node in site.nodes:
            if node not in site.deployment.nodes:
                raise UsageError(f"a busy script on {node.name}, which runs no scripts", remedy="use a data node")
        undos: list[Undo] = []
        undo = undoing_all(undos)
        try:
            for node in site.nodes:
                undos.append(changed(node, {"lua-time-limit": THRESHOLD_MS}))
                undos.append(Caller(node).end)
        except BaseException:
            undo()
            raise
        return undo

    def observe(self, site: Site) -> str:
        """A PING through each target's proxy is answered with BUSY."""
        seen = [_seen(node) for node in site.nodes]
        return "; ".join(seen) if all(seen) else ""


class Caller:
    """Calls the script in a thread of its own, again when it was killed by somebody else, until `end`."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._call, name=f"busy-{node.name}", daemon=True)
        self._thread.start()

    def _call(self) -> None:
        import redis

        client = self._node.connect(timeout_s=2.0 * SECONDS)
        while not self._ended.is_set():
            with contextlib.suppress(redis.RedisError):
                client.eval(SCRIPT, 0)
            self._ended.wait(0.01)
        client.close()

    def end(self) -> None:
        """Kill the script, and call it no more. Idempotent; `WaitTimeoutError` if it does not end."""
        import redis

        self._ended.set()
        killer = unnamed(self._node.connect())

        def gone() -> bool:
            if self._thread.is_alive() and self._node.is_running:
                with contextlib.suppress(redis.RedisError):  # none is running at this moment
                    killer.script_kill()
            self._thread.join(0.02)
            return not self._thread.is_alive()

        wait_until(gone, within_s=KILLED_WITHIN_S, what=f"the end of the script on {self._node.name}")
        killer.close()


def unnamed(client: redis.Redis) -> redis.Redis:
    """The same, able to connect while a script is busy: CLIENT SETNAME would be refused."""
    client.connection_pool.connection_kwargs["client_name"] = None
    return client


def _seen(node: Node) -> str:
    import redis

    client = unnamed(node.connect_through())
    try:
        client.ping()
    except redis.ResponseError as error:
        word = str(error).partition(" ")[0]
        return f"{node.name}: answers a PING with BUSY" if word == "BUSY" else ""
    except redis.RedisError:
        return ""
    finally:
        client.close()
    return ""
