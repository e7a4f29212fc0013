"""The models of `arbredis check --model`: which check judges a history of which kind of object."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_arbredis.checkers.breaker_record import FLOOR
from pytest_arbredis.checkers.by_name import check_named
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_arbredis.checkers.verdict import Check

MODELS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "register": "linearizable_register",
        "cas-register": "linearizable_cas_register",
        "counter": "counter_within_bounds",
        "set": "set_keeps_what_was_added",
        "queue": "queue_is_fifo",
        "append-log": "log_is_a_prefix",
    }
)
"""Name of the model, as a history's header has it, and the check that judges it (`docs/history.md` defines them)."""


OPERATIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "register": frozenset({"write", "read"}),
        "cas-register": frozenset({"write", "read", "cas"}),
        "counter": frozenset({"add", "read"}),
        "set": frozenset({"add", "read"}),
        "queue": frozenset({"enqueue", "dequeue", "ack"}),
        "append-log": frozenset({"append", "read"}),
    }
)
"""The operations of each model."""

MIXED: Final = "mixed"
"""A header's `meta.mixed`: true says that the operations of other names belong to something else, and are left out."""


def foreign_operation(model: str, names: Iterable[str]) -> str | None:
    """The first of these names that is no operation of the model; the harness's own PING is nobody's."""
    return next((name for name in names if name not in OPERATIONS[model] and name != FLOOR), None)


def check_of_model(model: str) -> Check:
    """The check of a model. Raises `UsageError` for an unknown one, with the known names."""
    if model not in MODELS:
        raise UsageError.unknown("model", model, tuple(MODELS))
    return check_named(MODELS[model])
