"""What both managers are made of: their arguments, the environment, the parts of their core."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from pytest_arbredis.state.clock import SYSTEM_CLOCK, Clock
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import MisuseError
from pytest_arbredis.state.hardenings import NONE, Without, require_known
from pytest_arbredis.state.kinds import Kind
from pytest_arbredis.state.manager.core import HARDENINGS, Core
from pytest_arbredis.state.manager.journal import MOST_ENTRIES, Journal
from pytest_arbredis.state.manager.journal_file import JournalFile
from pytest_arbredis.state.manager.modes import Listener, Mode, ModeKeeper
from pytest_arbredis.state.manager.naming import namespace_of
from pytest_arbredis.state.manager.reconciling import contact
from pytest_arbredis.state.manager.server_time import ServerTime

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_arbredis.state.asks import Plan

WITHIN_S: Final = 1.0
"""Seconds that an operation may take in Redis before it is served from memory."""

RETRY_EVERY_S: Final = 0.5
"""Seconds from one attempt to reach Redis to the next, while it is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a manager behaves while Redis is away.

    `within_s` is what an operation may take before it is served from memory; Redis is tried again every `retry_every_s`
    seconds, by the operation that comes then. The journal has at most `most_entries`; with `journal_file` it survives
    the process. `on_mode_change` is called with each change, by whoever met it: it must be quick,
    and raise nothing.
    """

    within_s: float = WITHIN_S
    retry_every_s: float = RETRY_EVERY_S
    most_entries: int = MOST_ENTRIES
    journal_file: str | Path | None = None
    on_mode_change: Listener | None = None
    clock: Clock = field(default=SYSTEM_CLOCK, repr=False)

    def __post_init__(self) -> None:
        for name in ("within_s", "retry_every_s"):
            if not 0 < getattr(self, name) < 3600:
                raise MisuseError(f"{name}={getattr(self, name)!r}", remedy="give seconds above 0, below an hour")


def core_of(namespace: str, key_prefix: str, *, enabled: bool, policy: Policy, without: Without = NONE) -> Core:
    """The core of a manager; raises `KeyRefusedError` for a bad namespace or prefix."""
    names = namespace_of(namespace, key_prefix)
    in_memory = names.in_memory or not enabled
    kept = None
    if policy.journal_file is not None and not in_memory:
        kept = JournalFile(policy.journal_file, whose=f"{names.text}:{names.key_prefix}")
    mode = ModeKeeper(
        Mode.MEMORY if in_memory else Mode.REDIS,
        name=f"{names.text}:{names.key_prefix}",
        retry_every_s=policy.retry_every_s,
        clock=policy.clock,
        listener=policy.on_mode_change,
    )
    return Core(
        names=names,
        modes=mode,
        journal=Journal(most=policy.most_entries, kept=kept, left=kept.left if kept else ()),
        time=ServerTime(policy.clock),
        clock=policy.clock,
        within_s=policy.within_s,
        without=require_known(without, HARDENINGS),
    )


def settings_of(host: str | None, port: int | None, db: int, *, env: Mapping[str, str] | None = None) -> Settings:
    """Where Redis is: what is given, else REDIS_HOST, REDIS_PORT and REDIS_DB, else localhost:6379, database 0.

    A `db` of 0 leaves the choice to REDIS_DB. User, password and TLS are those of REDIS_USERNAME, REDIS_PASSWORD and
    REDIS_CA_FILE. There is no circuit breaker: a manager that falls back is one itself.
    """
    env = os.environ if env is None else env
    return Settings(
        address=(host or env.get("REDIS_HOST") or "localhost", port or _number(env, "REDIS_PORT", 6379)),
        db=db or _number(env, "REDIS_DB", 0),
        username=env.get("REDIS_USERNAME") or None,
        password=env.get("REDIS_PASSWORD") or None,
        tls=bool(env.get("REDIS_CA_FILE")),
        tls_ca_file=env.get("REDIS_CA_FILE") or None,
        breaker=None,
    )


def _number(env: Mapping[str, str], name: str, otherwise: int) -> int:
    text = env.get(name) or str(otherwise)
    if not text.isascii() or not text.isdigit():
        raise MisuseError(f"{name} is {text!r}", remedy="give a whole number")
    return int(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchUp:
    """Bring Redis what waits in the journal, whatever the mode; whether Redis served."""

    kind: Kind = Kind.PIPELINE

    def ask(self, core: Core) -> Plan[bool]:
        """The core has reconciled already, if it was behind; else it gets to know the server's time."""
        yield from contact(core)
        return True

    def from_memory(self, core: Core, *, sent: bool) -> bool:  # noqa: ARG002 - it asks only
        """Redis is away, or somebody else reconciles."""
        return False
