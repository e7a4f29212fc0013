"""What an error of the state layer means for the operation that met it: the error says so itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.load.protocol import Answer
from pytest_arbredis.state.errors import NotConfirmedError

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.state.errors import StateError


def answer_to(error: StateError, *, output: Json = None) -> Answer:
    """`fail` if nothing was applied for certain; applied by `confirmed` of the wanted replicas; else unknown."""
    told = f"{type(error).__name__}: {error.cause}"
    if isinstance(error, NotConfirmedError):
        return Answer(output=output, confirmed=error.confirmed, wanted=error.wanted, error=told)
    return Answer(outcome="fail" if error.applied == "no" else "unknown", error=told)
