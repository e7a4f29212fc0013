"""Every error of the state layer. Each says what happened, whether it may have been applied, and what to do.

Errors of redis-py become these once, at the edge (`connections/translation.py`); the original is the cause. No message
has a password or a decrypted value in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

Applied = Literal["no", "yes", "unknown"]
"""Whether what was asked took effect: certainly not; yes, but not as it was asked; or it cannot be known."""


class StateError(Exception):
    """Root of what the layer raises on purpose.

    `applied` tells whether Redis may have done what was asked: "no" is certain, "unknown" must be read back.
    """

    applied: Applied = "no"

    def __init__(self, cause: str, *, remedy: str = "", applied: Applied | None = None) -> None:
        super().__init__(cause, remedy)
        self.cause = cause
        self.remedy = remedy
        if applied is not None:
            self.applied = applied

    def __str__(self) -> str:
        return f"{self.cause} ({self.remedy})" if self.remedy else self.cause


class MisuseError(StateError, ValueError):
    """An argument that could never be right: refused before anything is sent."""


class KeyRefusedError(MisuseError, KeyError):
    """A part of a key that the grammar does not allow; the message names the part."""


class TooLargeError(MisuseError):
    """A value, or a Hash, above the limits of its key."""


class UnavailableError(StateError):
    """Redis did not serve the call. For a breaker this is Redis being unwell, but for a `WriteRefusedError`."""


class UnreachableError(UnavailableError):
    """No connection could be made: nothing was sent."""


class UnknownPrimaryError(UnreachableError):
    """Sentinels answered, but none of them knows a primary that says it is one."""


class ConnectionLostError(UnavailableError):
    """The connection ended with a command under way."""

    applied: Applied = "unknown"


class DeadlineExceededError(UnavailableError, TimeoutError):
    """The call's total time is over. `applied` is "no" if nothing had been sent yet."""

    applied: Applied = "unknown"


class ServerRefusedError(UnavailableError):
    """Redis answered that it cannot now: LOADING, MASTERDOWN, BUSY, MISCONF, OOM, …: `word` says which."""

    word: str = ""


class ReadOnlyError(ServerRefusedError):
    """Redis is a replica: the primary is elsewhere now. The pool has dropped its connections."""

    word = "READONLY"


class WriteRefusedError(ServerRefusedError):
    """Redis is up and serves reads, but takes no writes now (OOM, NOREPLICAS, MISCONF): none happened.

    A breaker does not count it: open, it would take the reads away too, and spare Redis nothing.
    """


class OutOfMemoryError(WriteRefusedError):
    """Redis has reached its maxmemory and must not evict: the write did not happen."""

    word = "OOM"


class TooFewReplicasError(WriteRefusedError):
    """`min-replicas-to-write` is not met: the write did not happen."""

    word = "NOREPLICAS"


class NotJournalledError(UnavailableError):
    """Redis does not serve, and the journal of what it missed cannot take the write: it is full, or its disk is."""


class BacklogFullError(UnavailableError):
    """Redis is away, and as many operations wait for it as may: this one was not taken."""


class CircuitOpenError(StateError):
    """The circuit breaker `id` did not let the call in: nothing was sent. `retry_in_s` is the time until it probes.

    It is made for every call while Redis is away: by one step of C, and its words when somebody reads them.
    """

    if TYPE_CHECKING:

        def __init__(self, id: str, left_ns: int = 0) -> None: ...

    else:
        __init__ = Exception.__init__

    @property
    def retry_in_s(self) -> float:
        """Seconds until it probes; 0 while it does."""
        left_ns: int = self.args[1] if len(self.args) > 1 else 0
        return left_ns / 1_000_000_000

    # Both are computed here, where others are given them.
    @property
    def cause(self) -> str:  # type: ignore[override]
        """What happened."""
        left_s = self.retry_in_s
        told = f"it probes in {left_s:.3g} s" if left_s else "its probes are under way"
        return f"circuit breaker {self.args[0]!r} is open: nothing was sent, {told}"

    @property
    def remedy(self) -> str:  # type: ignore[override]
        """What to do."""
        return "wait so long, or serve without it"


class PoolExhaustedError(StateError):
    """No connection of the pool came free in time: the caller's load, not Redis's health. Nothing was sent."""


class DatabaseBusyError(StateError):
    """As many loads as a cache may have are under way, and none ended in time. Nothing was asked of the database."""


class NotConfirmedError(StateError):
    """Applied, but fewer replicas than wanted confirmed it (WAIT): it may be lost at a failover."""

    applied: Applied = "yes"

    def __init__(self, cause: str, *, remedy: str = "", confirmed: int = 0, wanted: int = 0) -> None:
        super().__init__(cause, remedy=remedy)
        self.confirmed = confirmed
        self.wanted = wanted


class RejectedError(StateError):
    """Redis is well and says no: wrong type, no permission, a script's error. Not a breaker's business."""


class QueueFullError(RejectedError):
    """The queue has as many tasks as it may have: this one was not put."""


class WrongTypeError(RejectedError):
    """The key holds another type than it should."""


class CorruptedError(StateError):
    """What lies in Redis is not what the layer writes: not JSON, a field is missing, another type."""


class UnsafePolicyError(StateError):
    """The server may evict what must stay (`maxmemory-policy allkeys-*`): the layer refuses to keep state there."""


class CredentialError(StateError):
    """A credential cannot be read or written: no key, a wrong key, a token that was tampered with."""


class ConflictError(StateError):
    """Somebody else changed it meanwhile, or a newer holder exists: nothing was written."""
