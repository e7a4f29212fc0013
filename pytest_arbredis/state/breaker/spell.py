"""One stay of a breaker in one state, with what is counted in it. A new stay begins with nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.state.breaker.transition import State

if TYPE_CHECKING:
    from pytest_arbredis.state.breaker.permit import Permit, Settles
    from pytest_arbredis.state.breaker.window import Window


class Spell:
    """A stay. Its fields are written under the breaker's lock, and by one that has left it never again.

    `closed` is what the fast path asks; `quiet` says that a success there is not even counted.
    """

    __slots__ = (
        "breaker",
        "closed",
        "failures",
        "let_in",
        "quiet",
        "state",
        "successes",
        "under_way",
        "until_ns",
        "window",
    )

    def __init__(
        self, breaker: Settles, state: State, *, window: Window | None = None, quiet: bool = False, until_ns: int = 0
    ) -> None:
        self.breaker = breaker
        self.state = state
        self.closed = state is State.CLOSED
        self.quiet = quiet
        self.window = window
        self.until_ns = until_ns
        """Open: when it ends, on the breaker's timer."""
        self.failures = 0
        """Closed: in a row."""
        self.under_way: dict[Permit, int] = {}
        """Half-open: probes, with the end of their lease."""
        self.let_in = 0
        self.successes = 0
