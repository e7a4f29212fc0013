"""Whether a history that is judged as one kind of object has only operations of that kind."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_arbredis.errors import MalformedHistoryError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pytest_arbredis.history.columns import Columns
    from pytest_arbredis.history.history import History


def require_operations(model: str, path: Path, history: History, columns: Columns | None) -> None:
    """Raise `MalformedHistoryError`, with the line, for an operation that the model does not have.

    A name with a typing error would be left out of the judgement unseen. A header with `meta.mixed: true` says that
    other operations belong there; reads of the final phase are nobody's.
    """
    from pytest_arbredis.checkers.models import MIXED, MODELS, OPERATIONS, foreign_operation

    if history.header.meta.get(MIXED) is True:
        return
    names = {op.name for op in history.ops if not op.is_final} if columns is None else _names(columns)
    foreign = foreign_operation(model, sorted(names))
    if foreign is not None:
        raise MalformedHistoryError(
            f"{path}{_line_of(path, foreign)}: unknown operation {foreign!r} of the model {model} "
            f"(known: {', '.join(sorted(OPERATIONS[model]))})",
            remedy=f"mend the name, say `{MIXED}: true` in the header's meta, or use --check {MODELS[model]}, which "
            "leaves other operations out and counts them",
        )


def _names(columns: Columns) -> Iterable[str]:
    import numpy as np

    return {columns.names[number] for number in np.unique(columns.name[~columns.final])}


def _line_of(path: Path, name: str) -> str:
    """Where an operation of this name first stands; empty for a recording, which has no lines."""
    from pytest_arbredis.history.lines import loaded
    from pytest_arbredis.history.whereabouts import SUFFIX, located

    found = located(path)
    if found.suffix == SUFFIX:
        return ""
    with found.open("rb") as file:
        for number, line in enumerate(file, 1):
            raw = loaded(line) if line.strip() else {}
            if raw.get("type") == "op" and raw.get("name") == name and not (raw.get("meta") or {}).get("final"):
                return f", line {number}"
    return ""
