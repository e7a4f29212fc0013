"""The right to make one call, and the word of what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

from pytest_arbredis.state.breaker.outcomes import Outcome

if TYPE_CHECKING:
    from types import TracebackType

    from pytest_arbredis.state.breaker.spell import Spell


class Settles(Protocol):
    """What a permit asks of its breaker."""

    def settle(self, spell: Spell, permit: Permit, outcome: Outcome, cause: str) -> None:
        """Count what became of a call that was let in during `spell`."""
        ...

    def judge(self, error: BaseException) -> Outcome:
        """What an error says of what is guarded."""
        ...


class Permit:
    """One call was let in at `entered_ns` of the breaker's clock.

    Give one word of it: `succeeded`, `failed` or `ignored`; later ones are not heeded. As a context manager it gives
    that word itself, by what leaves the block.
    """

    __slots__ = ("_spell", "entered_ns")

    def __init__(self, spell: Spell, entered_ns: int) -> None:
        self._spell: Spell | None = spell
        self.entered_ns = entered_ns

    def succeeded(self) -> None:
        """What is guarded is well: it answered, be it with a refusal."""
        spell = self._spell
        if spell is None:
            return
        self._spell = None
        if spell.quiet and not spell.failures:  # closed, and nothing to count or to forget
            return
        spell.breaker.settle(spell, self, Outcome.SUCCEEDED, "")

    def failed(self, cause: BaseException | str = "failure") -> None:
        """What is guarded is unwell. Of an error only the class's name is told: its text may hold what is secret."""
        self._say(Outcome.FAILED, cause if isinstance(cause, str) else type(cause).__name__)

    def ignored(self) -> None:
        """The call says nothing of what is guarded: cancelled, or never made. A probe's place is free again."""
        self._say(Outcome.IGNORED, "")

    def _say(self, outcome: Outcome, cause: str) -> None:
        spell, self._spell = self._spell, None
        if spell is not None:
            spell.breaker.settle(spell, self, outcome, cause)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            self.succeeded()
        elif self._spell is not None:
            self._say(self._spell.breaker.judge(error), type(error).__name__)
