"""What may be done to servers of somebody else: the right to destroy, the mark of a drill, keys that go by themselves.

A destructive act needs two things: that it was allowed when the drill was started, and databases that hold nothing but
a drill's: empty ones, ones with keys of drills only, or ones that carry the mark. Everything here but `mark`, `clear`
and a `Lease` only reads.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Final, cast

from pytest_arbredis.errors import ArbredisError, UsageError
from pytest_arbredis.topology.node import harness_client

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType
    from typing import Self

    import redis

    from pytest_arbredis.servers.login import Login
    from pytest_arbredis.topology.deployment import Deployment
    from pytest_arbredis.topology.node import Address

OURS: Final = "arbredis:"
"""How every key of a drill begins."""
MARK: Final = "arbredis:mark"
MARKED_FOR_S: Final = 24 * 3600
KEPT_FOR_S: Final = 3600
"""Keys of a drill that was killed are gone after this."""
LEASED_EVERY_S: Final = 0.5
BATCH: Final = 500

NO_RIGHT: Final = (
    "it changes servers that somebody else started; that needs --arbredis-allow-destructive "
    "(arbredis drill: --allow-destructive)"
)


def require_no_foreign_data(address: Address, login: Login) -> None:
    """Refuse a server of which a database holds keys that are no drill's, and carries no mark. Only reads."""
    asking = harness_client(address, timeout_s=10.0, login=login)
    try:
        keyspace = cast("dict[str, dict[str, Any]]", asking.info("keyspace"))
    finally:
        asking.close()
    for name in sorted(keyspace):
        number = int(name.removeprefix("db"))
        if foreign := _foreign_key(address, login, number):
            count = keyspace[name].get("keys", "?")
            raise UsageError(
                f"the Redis at {address[0]}:{address[1]} is somebody's: database {number} holds {count} keys, such as "
                f"{foreign!r}, and no mark of a drill; nothing was touched",
                remedy="use an empty Redis. If this data may be lost, say so in the database itself: "
                f"redis-cli -h {address[0]} -p {address[1]} -n {number} SET {MARK} yes",
            )


def _foreign_key(address: Address, login: Login, number: int) -> str:
    """A key that is no drill's, of a database without the mark; empty if there is none."""
    client = harness_client(address, timeout_s=10.0, login=login)
    client.connection_pool.connection_kwargs["db"] = number  # before its first connection
    try:
        if client.exists(MARK):
            return ""
        return next((str(key) for key in client.scan_iter(count=BATCH) if not str(key).startswith(OURS)), "")
    finally:
        client.close()


def mark(primary: redis.Redis) -> None:
    """Say in database 0 that what is there is a drill's, for a day; a mark that is there stays as it is."""
    primary.set(MARK, "a drill's: this data may be lost", ex=MARKED_FOR_S, nx=True)


def clear(primary: redis.Redis, *, prefix: str = OURS) -> None:
    """Remove what lies under a prefix of ours in database 0, but for the mark."""
    for keys in _batches(primary, prefix):
        primary.unlink(*keys)


def leave(primary: redis.Redis) -> None:
    """Remove all that is ours, and the mark too if nothing else is left, or with it what others wrote is a drill's."""
    clear(primary)
    if primary.dbsize() == primary.exists(MARK):
        primary.unlink(MARK)


def _batches(client: redis.Redis, prefix: str) -> Iterable[list[str]]:
    batch: list[str] = []
    for key in client.scan_iter(match=f"{prefix}*", count=BATCH):
        if key != MARK:
            batch.append(str(key))
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


class Lease:
    """While it lasts, every key under a prefix gets an expiry time soon after it was written, whoever wrote it.

    At its end all have one, on the replicas too: what is read back then changes no more.
    """

    def __init__(self, deployment: Deployment, prefix: str) -> None:
        self._deployment = deployment
        self._prefix = prefix
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)
        self._once(replicated=True)

    def _renew(self) -> None:
        while not self._stop.wait(LEASED_EVERY_S):
            self._once(replicated=False)

    def _once(self, *, replicated: bool) -> None:
        """One pass; where no primary can be asked, a later one will do."""
        import redis

        with contextlib.suppress(ArbredisError, redis.RedisError):
            client = self._deployment.primary().connect(timeout_s=5.0)
            try:
                for keys in _batches(client, self._prefix):
                    self._give(client, keys)
                if replicated and len(self._deployment.nodes) > 1:
                    client.wait(len(self._deployment.nodes) - 1, 1000)
            finally:
                client.close()

    @staticmethod
    def _give(client: redis.Redis, keys: list[str]) -> None:
        asking = client.pipeline(transaction=False)
        for key in keys:
            asking.ttl(key)
        lasting = [key for key, left in zip(keys, asking.execute(), strict=True) if left == -1]
        giving = client.pipeline(transaction=False)
        for key in lasting:
            giving.expire(key, KEPT_FOR_S)
        if lasting:
            giving.execute()
