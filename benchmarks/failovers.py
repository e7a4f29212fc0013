"""Crash failovers in a row: how long until a client can write again, and until all Sentinels name the new primary."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from pytest_arbredis._clock import wait_until
from pytest_arbredis.topology.node import harness_client
from pytest_arbredis.topology.settled import MASTER_NAME

if TYPE_CHECKING:
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address, Node

WITHIN_S = 30.0
ATTEMPT_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Failover:
    """One crash: seconds from SIGKILL to an acknowledged write, and to the last Sentinel's new address."""

    written_s: float
    announced_s: float


class Elections:
    """Counts what the Sentinels publish, while it is open."""

    def __init__(self, deployment: Deployment) -> None:
        self.events: Counter[str] = Counter()
        self._deployment = deployment
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    @property
    def aborted(self) -> int:
        """Failovers that a Sentinel began and gave up: not elected, no good replica, or a replica too slow."""
        return sum(count for event, count in self.events.items() if event.startswith("-failover-abort"))

    def __enter__(self) -> Self:
        for sentinel in self._deployment.sentinels:
            thread = threading.Thread(target=self._listen, args=(sentinel,), daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def _listen(self, sentinel: Node) -> None:
        client = harness_client(sentinel.direct)
        with client.pubsub(ignore_subscribe_messages=True) as listener:
            listener.psubscribe("*")
            while not self._stop.is_set():
                message = listener.get_message(timeout=0.1)
                if message is not None:
                    self.events[str(message["channel"])] += 1
        client.close()


def crash_and_measure(deployment: Deployment, number: int) -> Failover:
    """Kill the primary, time the failover, start the killed node again, and wait until all is whole."""
    import redis

    old = deployment.primary()
    began = time.monotonic()
    old.server.signal(signal.SIGKILL)
    written_s = announced_s = 0.0
    while not (written_s and announced_s):
        named = [_named(sentinel) for sentinel in deployment.sentinels]
        if not announced_s and len(set(named)) == 1 and named[0] not in (None, old.proxied):
            announced_s = time.monotonic() - began
        first = next((address for address in named if address is not None), None)
        if not written_s and first is not None and first != old.proxied:
            client = harness_client(first, timeout_s=ATTEMPT_S)
            with contextlib.suppress(redis.RedisError):
                client.set(f"arbredis:bench:{number}", number)
                written_s = time.monotonic() - began
            client.close()
        if time.monotonic() - began > WITHIN_S:
            raise TimeoutError(f"failover {number} was not over after {WITHIN_S:.0f} s: {named}")
        time.sleep(0.002)
    wait_until(lambda: not old.is_running, within_s=5, what=f"the end of {old.name}")
    old.server.start()
    deployment.await_answering(old)
    deployment.settled()
    return Failover(written_s=written_s, announced_s=announced_s)


def _named(sentinel: Node) -> Address | None:
    """The primary's address as this Sentinel tells it to clients."""
    import redis

    with contextlib.suppress(redis.RedisError):
        answer = sentinel.client.sentinel_get_master_addr_by_name(MASTER_NAME)
        if isinstance(answer, tuple):
            return (str(answer[0]), int(answer[1]))
    return None
