"""Every error of the harness: what happened, the value that is wrong, and what to do about it.

A message has two parts: the cause, and a remedy that the reader can act on. The two roots below `ArbredisError` decide
the exit status: `UsageError` is the caller's to mend (2), `HarnessError` is never a verdict on the subject (4).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class ArbredisError(Exception):
    """Root of everything that the harness raises on purpose.

    `cause` says what happened, `remedy` what to do; `str()` joins them.
    """

    def __init__(self, cause: str, *, remedy: str = "") -> None:
        super().__init__(cause, remedy)
        self.cause = cause
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.cause}\n  remedy: {self.remedy}" if self.remedy else self.cause


class UsageError(ArbredisError):
    """A wrong option, name or value: the caller's to mend (exit status 2)."""

    @classmethod
    def unknown(cls, noun: str, value: object, known: Iterable[object]) -> UsageError:
        """An unknown `noun`, with the names that are known."""
        names = ", ".join(sorted(str(name) for name in known))
        return cls(f"unknown {noun} {value!r}", remedy=f"use one of: {names}")


class MalformedHistoryError(UsageError):
    """A history file that cannot be read; the message names the line."""


class HarnessError(ArbredisError):
    """Something of ours failed: servers, proxies, launchers (exit status 4). Never a verdict on the subject."""


class MissingBinaryError(HarnessError):
    """A server binary that is not on this machine."""


class EngineUnreachableError(HarnessError):
    """The Docker engine does not answer."""


class MissingImageError(HarnessError):
    """A container image that is not present; nothing is ever pulled implicitly."""


class PortTakenError(HarnessError):
    """Somebody else listens on a port that we need; the message says who."""


class ServerDiedError(HarnessError):
    """A server ended by itself: exit status, last log lines, path of its log."""


class ControlError(HarnessError):
    """The proxy's control API refused, failed, or did not answer within its deadline."""


class UnansweredError(ControlError):
    """The proxy's control API did not answer within its deadline: what was asked may still happen."""


class WaitTimeoutError(HarnessError):
    """A condition that did not come true in time: what, how long, and the last value seen."""


class UnhealedError(HarnessError):
    """A fault that could not be undone: the deployment is poisoned and will be rebuilt."""
