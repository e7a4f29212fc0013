"""Checks as text: `confirmed_writes_survive(wanted=2)`, for the command line and for a history's header.

What a run was judged by is written into its history, so that `arbredis check` can judge it again without its scenario.
"""

from __future__ import annotations

import ast
import inspect
from dataclasses import is_dataclass
from typing import TYPE_CHECKING, Any

from pytest_arbredis.checkers import api
from pytest_arbredis.checkers.arguments import require_names
from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_arbredis.checkers.verdict import Check

NOT_CHECKS = frozenset({"require_rate"})
"""Names of the API that are no checks."""


def check_names() -> tuple[str, ...]:
    """The names of all checks."""
    return tuple(name for name in api.__all__ if name not in NOT_CHECKS)


def check_named(text: str, params: Mapping[str, Any] | None = None) -> Check:
    """The check that a text such as `recovers_within(seconds=3, after="crash")` names; `params` are added.

    Raises `UsageError` for a name, an argument or a value that does not fit.
    """
    name, arguments = _parsed(text)
    if name not in check_names():
        raise UsageError.unknown("check", name, check_names())
    factory: Callable[..., Check] = getattr(api, name)
    given = {**arguments, **(params or {})}
    try:
        require_names(factory, given)
        return factory(**given)
    except TypeError as error:  # a name that it does not have, one that is missing, a text where a number belongs
        raise UsageError(f"{text!r}: {error}", remedy=f"write it as a call: {usage(name)}") from error


def usage(name: str) -> str:
    """How a check is called, without types: `recovers_within(seconds, after='crash', …)`."""
    parameters = inspect.signature(getattr(api, name)).parameters.values()
    arguments = ", ".join(str(each.replace(annotation=each.empty)) for each in parameters)
    return f"{name}({arguments})"


def spelled(check: object) -> str | None:
    """The text that `check_named` makes the same check of, or None: a user's own check, or one with a function."""
    if not is_dataclass(check) or isinstance(check, type):
        return None
    made_by = [name for name in check_names() if _gives(name) == type(check).__name__]
    return next(filter(None, (_call(name, check) for name in made_by)), None)


def _call(name: str, check: object) -> str | None:
    """The call of the factory `name` that gives this check, or None."""
    accepted = inspect.signature(getattr(api, name)).parameters
    values = {key: getattr(check, key) for key in accepted if hasattr(check, key)}
    given = [f"{key}={value!r}" for key, value in values.items() if not _is_default(accepted[key], value)]
    text = f"{name}({', '.join(given)})" if given else name
    try:
        return text if check_named(text) == check else None
    except UsageError:
        return None


def _is_default(parameter: inspect.Parameter, value: object) -> bool:
    return type(parameter.default) is type(value) and parameter.default == value


def _gives(name: str) -> str:
    """The name of the class that a factory gives."""
    return str(getattr(api, name).__annotations__.get("return"))


def _parsed(text: str) -> tuple[str, dict[str, Any]]:
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return call.id, {}
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and not call.args:
            return call.func.id, {str(word.arg): ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError):
        pass
    raise UsageError(
        f"{text!r} is not a check",
        remedy="write its name, or a call with every argument named, and a literal: "
        "recovers_within(seconds=3, after='crash')",
    )
