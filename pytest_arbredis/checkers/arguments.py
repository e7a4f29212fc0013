"""Arguments that Python lets pass, and that would be judged as something else than was meant."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    """Refuse a text as the argument `name`, which takes several. Raises `UsageError`."""
    if isinstance(value, str):
        raise UsageError(f"{name}={value!r} is one text", remedy=f"give a tuple, with its comma: {name}=({value!r},)")
