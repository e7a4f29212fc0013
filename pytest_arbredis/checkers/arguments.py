"""Arguments that Python lets pass, and that would be judged as something else than was meant."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

NAMES = ("tuple[str", "Sequence[str", "Iterable[str")
"""How the type of several names begins: a text is one of these, too, and each of its letters a name."""


def require_check(check: Any) -> None:
    """Refuse what is no check: one that was not called, or only named. Raises `UsageError`."""
    if isinstance(check, type) or not callable(check) or not hasattr(check, "claim"):
        called = getattr(check, "__name__", None) or "acknowledged_writes_survive"
        raise UsageError(f"{check!r} is not a check", remedy=f"call what makes it: checks.{called}(…)")
    for field in fields(check) if hasattr(check, "__dataclass_fields__") else ():
        if str(field.type).startswith(NAMES):
            require_several(field.name, getattr(check, field.name))


def require_names(factory: Callable[..., object], given: Mapping[str, object]) -> None:
    """Refuse a text where the factory takes several names. Raises `UsageError`."""
    for parameter in inspect.signature(factory).parameters.values():
        if str(parameter.annotation).startswith(NAMES):
            require_several(parameter.name, given.get(parameter.name))


def require_several(name: str, value: object) -> None:
    """Refuse a text as the argument `name`, which takes several, and what became of one: its letters.

    Raises `UsageError`.
    """
    letters = (
        isinstance(value, tuple) and len(value) > 1 and all(isinstance(one, str) and len(one) == 1 for one in value)
    )
    text = "".join(value) if letters and isinstance(value, tuple) else value
    if isinstance(text, str):
        raise UsageError(f"{name}={text!r} is one text", remedy=f"give a tuple, with its comma: {name}=({text!r},)")


def require_faults(check: object, faults: Collection[str]) -> None:
    """Refuse a check of what comes `after` or `during` a fault that the schedule does not have. Raises `UsageError`."""
    for argument in ("after", "during"):
        name = getattr(check, argument, None)
        if isinstance(name, str) and name not in faults:
            raise UsageError(
                f"{type(check).__name__} looks at what happens {argument} {name!r}, and the schedule has no such fault",
                remedy=f"name one of its faults: {', '.join(sorted(faults)) or 'it has none'}",
            )
