"""What a launcher gives: started servers that can be signalled, watched, and never outlive their owner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    import signal
    from collections.abc import Sequence
    from pathlib import Path

ServerKind = Literal["redis", "sentinel", "toxiproxy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """A server to start: `binary args…` in `directory`, listening on 127.0.0.1:`port`.

    `directory` exists and holds the configuration; containers see it under the same path. `args` are those behind the
    binary (the launcher knows the binary, or the image); `env` are variables that it has beside its owner's.
    """

    name: str
    kind: ServerKind
    args: tuple[str, ...]
    directory: Path
    port: int
    env: tuple[tuple[str, str], ...] = ()


class Server(Protocol):
    """A started server: a process or a container."""

    @property
    def spec(self) -> ServerSpec:
        """What was started."""
        ...

    @property
    def pid(self) -> int | None:
        """Process id on this machine of the present incarnation; None while it does not run."""
        ...

    @property
    def log_path(self) -> Path:
        """The file its output goes to, over all incarnations (a container's is fetched when asked for)."""
        ...

    def start(self) -> None:
        """Start it again after it ended. Returns once spawned, not when ready."""
        ...

    def signal(self, number: signal.Signals) -> None:
        """Send a signal. Raises `HarnessError` if it does not run."""
        ...

    def exit_status(self) -> int | None:
        """None while it runs; else its exit status, negative for a signal (-9: SIGKILL)."""
        ...

    def log_tail(self, lines: int = 10) -> str:
        """The last lines of its log, for an error message."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What the engine says of a container; `memory_bytes` is 0 where there is no limit.

    `out_of_memory`: the kernel has ended it for want of memory, in this incarnation or the last.
    """

    paused: bool
    memory_bytes: int
    out_of_memory: bool


@runtime_checkable
class Confined(Protocol):
    """A server in a container, which its engine can limit and freeze."""

    def limit_memory(self, limit_bytes: int | None) -> None:
        """Let it use no more memory, swap included; None: as much as there is."""
        ...

    def limit_cpu(self, percent: int | None) -> None:
        """Let it use no more than this share of one processor; None: as much as there is."""
        ...

    def freeze(self) -> None:
        """Stop all its processes by the freezer of its control group."""
        ...

    def thaw(self) -> None:
        """Let them go on. Nothing if they were not frozen."""
        ...

    def confinement(self) -> Confinement:
        """How it is confined now."""
        ...

    def throttled_periods(self) -> int:
        """In how many periods the kernel made it wait for its share of the processor. Takes up to a second."""
        ...


class Launcher(Protocol):
    """Starts servers in parallel; everything that it started ends with `close()`, or with its owner's death."""

    @property
    def name(self) -> Literal["process", "docker", "external"]:
        """The launcher's name, as in `--arbredis-launcher`."""
        ...

    def launch(self, specs: Sequence[ServerSpec]) -> list[Server]:
        """Start all of them, in parallel. Returns once they are spawned, not when ready."""
        ...

    def forget(self, servers: Sequence[Server]) -> None:
        """End these servers now (SIGKILL), in parallel, and wait until they are gone."""
        ...

    def version(self, kind: ServerKind) -> str:
        """The version of the binary that it starts for this kind, such as '7.0.15' or '2.12.0'."""
        ...

    def close(self) -> None:
        """End everything that it started, and wait until it is gone. Idempotent."""
        ...
