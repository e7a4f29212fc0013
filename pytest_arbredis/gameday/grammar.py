"""Faults as people type them: `FAULT [TARGET] [field=value]…`, such as `latency primary ms=200 jitter_ms=50`."""

from __future__ import annotations

import inspect
import re
import shlex
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.registry import kind_of
from pytest_arbredis.faults.verbs import Verbs
from pytest_arbredis.topology.spec import check_target

if TYPE_CHECKING:
    from dataclasses import Field

    from pytest_arbredis.faults.fault import Fault

EXAMPLE = "arbredis inject 'latency primary ms=200'"
SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
LONGEST_S = 24 * 3600.0
YES = {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}
NONE = ("none", "null")


def parse(text: str) -> tuple[Fault, str]:
    """The fault and its target. Raises `UsageError` that names the known faults, fields and targets."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r} cannot be read: {error}", remedy=f"write it as {EXAMPLE}") from error
    if not words:
        raise UsageError("no fault was given", remedy=f"name one: {EXAMPLE}")
    kind = kind_of(words[0])
    rest = words[1:]
    target = rest.pop(0) if rest and "=" not in rest[0] else _usual_target(kind.name)
    settings: dict[str, object] = {}
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]  # faults are dataclasses
    for word in rest:
        name, equals, value = word.partition("=")
        if not equals:
            raise UsageError(f"{word!r} behind the target {target!r}", remedy=f"write {_shape(kind)}")
        if name not in known:
            if not known:
                raise UsageError(f"{kind.name} has no field {name!r}, and no other", remedy=f"write {_shape(kind)}")
            raise UsageError.unknown(f"field of {kind.name}", name, known)
        if name in settings:
            raise UsageError(f"{name} is given twice in {text!r}", remedy="give it once")
        settings[name] = _value(value, _hint(kind, known[name]), of=f"{kind.name} {name}")
    missing = [name for name, item in known.items() if name not in settings and _required(item)]
    if missing:
        raise UsageError(f"{kind.name} needs {', '.join(missing)}", remedy=f"write {_shape(kind)}")
    return kind(**settings), check_target(target)


def duration_s(text: str) -> float:
    """Seconds of a duration such as `10s`, `500ms`, `2m` or `10` (seconds); at most a day."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*([a-z]*)", text.strip())
    if found is None or found[2] not in SECONDS:
        raise UsageError(f"{text!r} is no duration", remedy="write it as 500ms, 10s, 2m or 1h")
    seconds = float(found[1]) * SECONDS[found[2]]
    if not 0 < seconds <= LONGEST_S:
        raise UsageError(f"a duration of {text!r}", remedy="use more than nothing and at most 24h")
    return seconds


def _usual_target(name: str) -> str:
    """The target that the verb of a fault has where none is given; where it has none, a usage error."""
    verb = getattr(Verbs, name, None)
    if verb is None:
        return "primary"
    usual = inspect.signature(verb).parameters["target"].default
    if usual is inspect.Parameter.empty:
        raise UsageError(f"{name} on what?", remedy=f"name a target: {name} primary, replicas, sentinels, n0, s0, …")
    return str(usual)


def _required(item: Field[Any]) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _shape(kind: type[Fault]) -> str:
    """How this fault is written, with its fields."""
    parts = [kind.name, "TARGET"]
    for item in fields(kind):  # type: ignore[arg-type]  # as above
        named = f"{item.name}={_told(_hint(kind, item))}"
        parts.append(named if _required(item) else f"[{named}]")
    return " ".join(parts)


def _hint(kind: type[Fault], item: Field[Any]) -> Any:
    try:
        return get_type_hints(kind)[item.name]
    except NameError:  # a name that the module of somebody's fault imports for type checkers only
        return type(item.default) if not _required(item) and item.default is not None else str


def _told(hint: Any) -> str:
    if get_origin(hint) is Literal:
        return "|".join(str(value) for value in get_args(hint))
    if get_origin(hint) in {Union, UnionType}:
        return "|".join(_told(one) for one in get_args(hint))
    if hint is bool:
        return "yes|no"
    return "none" if hint is NoneType else str(getattr(hint, "__name__", hint)).upper()


def _value(text: str, hint: Any, *, of: str) -> object:
    """The text as a value of this type."""
    if get_origin(hint) in {Union, UnionType}:
        for one in get_args(hint):
            if one is NoneType and text.lower() not in NONE:
                continue
            try:
                return _value(text, one, of=of)
            except UsageError:
                continue
    elif get_origin(hint) is Literal:
        for value in get_args(hint):
            if str(value) == text:
                return value
    elif hint is NoneType and text.lower() in NONE:
        return None
    elif hint is bool and text.lower() in YES:
        return YES[text.lower()]
    elif hint in {int, float}:
        try:
            return hint(text)
        except ValueError:
            pass
    elif hint is str:
        return text
    raise UsageError(f"{of}={text!r}", remedy=f"give {_told(hint)}")
