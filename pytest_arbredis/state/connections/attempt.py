"""What one attempt says to the breaker: only that Redis did not serve it counts against Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.errors import (
    ConflictError,
    DeadlineExceededError,
    NotConfirmedError,
    RejectedError,
    UnavailableError,
    WriteRefusedError,
)

if TYPE_CHECKING:
    from pytest_arbredis.state.asks import Ask
    from pytest_arbredis.state.breaker.permit import Permit
    from pytest_arbredis.state.errors import StateError

_ANSWERED = (WriteRefusedError, RejectedError, ConflictError, NotConfirmedError)


class Attempt:
    """Gathers what happened under one permit; `settle` says it once. With `blames_all` refused writes count too."""

    __slots__ = ("answered", "blames_all", "permit", "unwell")

    def __init__(self, permit: Permit | None, *, blames_all: bool = False) -> None:
        self.blames_all = blames_all
        self.begin(permit)

    def begin(self, permit: Permit | None) -> None:
        """Another attempt of the same call."""
        self.permit = permit
        self.answered = False
        self.unwell: UnavailableError | None = None

    def heard(self, error: StateError, ask: Ask | None = None) -> None:
        """An ask ended with this error."""
        if isinstance(error, _ANSWERED) and not (self.blames_all and isinstance(error, WriteRefusedError)):
            self.answered = True
        elif isinstance(error, UnavailableError) and not (
            # A caller who lets the server hold a reply for longer than he waits cannot blame the server.
            isinstance(error, DeadlineExceededError) and type(ask) is Command and ask.blocks_s
        ):
            self.unwell = error

    def settle(self, error: BaseException | None = None) -> None:
        """Say it, once: `error` is what the call ends with."""
        permit = self.permit
        if permit is None:
            return
        self.permit = None
        if self.unwell is not None:
            permit.failed(self.unwell)
        elif self.answered and (error is None or isinstance(error, Exception)):
            permit.succeeded()
        else:
            permit.ignored()
