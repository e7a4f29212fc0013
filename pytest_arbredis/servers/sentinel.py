"""Sentinel's configuration and its timings, as pure text and values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_arbredis.servers.redis import checked, quoted, tls_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from pytest_arbredis.servers.certificates import TlsFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How fast Sentinel sees and acts. Every figure that depends on it is printed with its name.

    `down_after_ms` is what the Sentinels that make up the quorum wait, `voter_down_after_ms` the others: they notice
    later, so that they have a vote left to give when the first ones compete, and no vote is split. `debug` are the
    pairs of `SENTINEL DEBUG` (Redis 7.0 and later), in milliseconds; empty for a deployment's own timing.
    """

    name: str
    down_after_ms: int
    voter_down_after_ms: int
    failover_timeout_ms: int
    debug: tuple[tuple[str, int], ...] = ()

    def down_after(self, index: int, *, quorum: int) -> int:
        """Milliseconds of silence before the Sentinel of this index holds a node for down."""
        return self.down_after_ms if index < quorum else self.voter_down_after_ms


TIMINGS: Final[Mapping[str, Timing]] = {
    "fast": Timing(
        name="fast",
        down_after_ms=500,
        voter_down_after_ms=1000,
        failover_timeout_ms=3000,  # below it promotions are aborted (-failover-abort-slave-timeout)
        debug=(
            ("info-period", 400),
            ("ping-period", 250),  # a replica counts only if its INFO is fresher than five of these; INFO comes at 1 Hz
            ("ask-period", 50),
            ("publish-period", 50),
            ("election-timeout", 500),
            ("min-link-reconnect-period", 50),
            ("tilt-period", 1000),  # a Sentinel that was paused for 2 s does nothing for 30 s otherwise
        ),
    ),
    "production": Timing(name="production", down_after_ms=5000, voter_down_after_ms=5000, failover_timeout_ms=10000),
}


PER_PRIMARY: Final = frozenset({"quorum", "down-after-milliseconds", "failover-timeout", "parallel-syncs"}) | {
    "notification-script",
    "client-reconfig-script",
    "master-reboot-down-after-period",
}
"""Settings for one primary: given by SENTINEL MONITOR and SET, not by the file."""
GLOBAL: Final = frozenset(("resolve-hostnames", "announce-hostnames", "deny-scripts-reconfig"))
"""Settings whose line in the file begins with `sentinel`."""


def sentinel_conf(
    *,
    port: int,
    directory: Path,
    announce: tuple[str, int] | None = None,
    extra: Iterable[tuple[str, str]] = (),
    tls: tuple[int, TlsFiles] | None = None,
) -> str:
    """The text of a Sentinel's configuration file, which Sentinel then rewrites.

    It monitors nothing yet: a running Sentinel is told of its primary by SENTINEL MONITOR, at the first start as after
    every reset. `announce` is its own address where that is not where it listens; `extra` are settings of its own.
    With `tls` it also speaks TLS on a second port, and asks primaries, replicas and other Sentinels by TLS.
    """
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        "protected-mode yes",
        f"dir {quoted(str(directory))}",
        "daemonize no",
        "supervised no",
        'logfile ""',
    ]
    if announce is not None:
        lines += [f"sentinel announce-ip {quoted(announce[0])}", f"sentinel announce-port {announce[1]}"]
    if tls is not None:
        lines += [f"{name} {value}" for name, value in tls_settings(*tls).items()]
    for name, value in extra:
        if name not in PER_PRIMARY:
            lines.append(f"{'sentinel ' if name in GLOBAL else ''}{name} {checked(name, value)}")
    return "\n".join(lines) + "\n"
