"""One line of history.jsonl, version 1, as it is read: the record it stands for, or what is wrong with it."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
import warnings
from typing import TYPE_CHECKING, Any, Final, get_args

import orjson

from pytest_arbredis.history.records import NOT_SENT, Event, EventName, Evidence, FaultRecord, Header, Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FORMAT: Final = "arbredis-history"
VERSION: Final = 1
RECORDING: Final = "recording"
"""A header's extra field while its recorder has not closed it: the last line may be torn, and is then dropped."""

BYTES: Final = "$bytes"

TOO_EARLY: Final = "evidence_before_it_began"
"""Where a fault's evidence is kept that is none, because it is from before the fault began."""

DEEPEST: Final = 100
"""Lists and objects inside one another, at most: everything that walks through a value ends before Python gives up."""

Record = Op | FaultRecord | Event

_Types = frozenset[type[Any]]

_INT: _Types = frozenset({int})
_STR: _Types = frozenset({str})
_DICT: _Types = frozenset({dict})
_LIST: _Types = frozenset({list})
_INT_OR_NULL: _Types = frozenset({int, type(None)})
_STR_OR_NULL: _Types = frozenset({str, type(None)})
_DICT_OR_NULL: _Types = frozenset({dict, type(None)})
_ANY: _Types = frozenset({int, str, float, bool, dict, list, type(None)})

_Spec = tuple[tuple[str, _Types, bool], ...]  # name, JSON types, required

_HEADER: _Spec = (
    ("run", _STR, True),
    ("seed", _INT, True),
    ("subject", _STR, True),
    ("model", _STR_OR_NULL, True),
    ("meta", _DICT, True),
)
OP_FIELDS: Final[_Spec] = (
    ("id", _INT, True),
    ("process", _INT, True),
    ("name", _STR, True),
    ("key", _STR_OR_NULL, True),
    ("input", _ANY, True),
    ("output", _ANY, True),
    ("outcome", _STR, True),
    ("intended_ns", _INT_OR_NULL, True),
    ("invoked_ns", _INT, True),
    ("completed_ns", _INT_OR_NULL, True),
    ("error", _STR_OR_NULL, True),
    ("node", _STR_OR_NULL, False),
    ("attempts", _INT_OR_NULL, False),
    ("confirmed", _INT_OR_NULL, False),
    ("entered_ns", _INT_OR_NULL, False),
    ("meta", _DICT, False),
)
FAULT_FIELDS: Final[_Spec] = (
    ("id", _INT, True),
    ("name", _STR, True),
    ("target", _STR, True),
    ("nodes", _LIST, False),
    ("params", _DICT, True),
    ("began_ns", _INT, True),
    ("ended_ns", _INT_OR_NULL, True),
    ("evidence", _DICT_OR_NULL, True),
)
EVIDENCE_FIELDS: Final[_Spec] = (("source", _STR, True), ("at_ns", _INT, True), ("detail", _STR, True))
EVENT_FIELDS: Final[_Spec] = (
    ("name", _STR, True),
    ("source", _STR, True),
    ("at_ns", _INT, True),
    ("data", _DICT, True),
)

_ROUNDED = frozenset({float, list, dict})
_JSON_NAMES: dict[type, str] = {int: "integer", str: "string", dict: "object", list: "array", type(None): "null"}
_OP_COUNTS = ("invoked_ns", "intended_ns", "completed_ns", "entered_ns", "attempts", "confirmed")
_LARGEST: Final = 2**63 - 1
_OUTCOMES = frozenset({"ok", "fail", "unknown"})
_EVENT_NAMES = frozenset(get_args(EventName))


class HistoryWarning(UserWarning):
    """Something in a history that was left out, and does not make it unreadable."""


def warn_left_out(path: Path, ignored: Mapping[str, int], *, stacklevel: int) -> None:
    """Warn of kinds of lines that were left out, if any were, in the name of a caller's caller."""
    if ignored:
        what = ", ".join(f"{count} of {kind}" for kind, count in sorted(ignored.items()))
        warnings.warn(f"{path}: lines left out: {what}", HistoryWarning, stacklevel=stacklevel + 1)


class LineError(Exception):
    """What is wrong with one line; the reader of the file adds the line's number and the remedy."""


def loaded(line: bytes) -> Any:
    """The JSON value of a line. Integers beyond 64 bits, which orjson rounds, are what is written."""
    raw = orjson.loads(line)
    if type(raw) is dict and (rounded(raw.get("input")) or rounded(raw.get("output"))):
        try:
            return json.loads(line)
        except (ValueError, RecursionError):
            raise LineError("an integer has more digits than can be read") from None
    return raw


def rounded(value: object, deepest: int = DEEPEST) -> bool:
    """Whether a value that orjson read holds what may have been an integer beyond 64 bits."""
    if type(value) is float:
        return abs(value) >= 2**63
    inside: Iterable[object] = ()
    if type(value) is list:
        inside = value
    elif type(value) is dict:
        inside = value.values()
    return deepest > 0 and any(type(item) in _ROUNDED and rounded(item, deepest - 1) for item in inside)


def parse_header(raw: dict[str, Any]) -> Header:
    """The header of a decoded first line."""
    if raw.get("type") != "header" or raw.get("format") != FORMAT:
        raise LineError(f'the first line is not a header of an {FORMAT} (`"type":"header","format":"{FORMAT}"`)')
    if raw.get("version") != VERSION or type(raw["version"]) is not int:
        raise LineError(f"version is {raw.get('version')!r}; this arbredis reads version {VERSION}")
    return Header(**_checked(raw, _HEADER, also=("type", "format", "version")))


def parse_record(raw: dict[str, Any]) -> Record | str:
    """The record of a decoded line, or the name of a kind that this version does not know."""
    kind = raw.get("type")
    if kind == "op":
        return _op(raw)
    if kind == "fault":
        return _fault(raw)
    if kind == "event":
        fields = _checked(raw, EVENT_FIELDS)
        _not_negative(fields, "at_ns")
        return Event(**fields) if fields["name"] in _EVENT_NAMES else f"event {fields['name']}"
    if kind == "header":
        raise LineError("a second header")
    if type(kind) is not str:
        raise LineError(f"`type` is {kind!r}, not a string" if "type" in raw else "`type` is missing")
    return kind


_good_shapes: dict[tuple[tuple[str, ...], tuple[type, ...]], tuple[str, ...]] = {}
"""Names and types of operations that passed, with the fields to decode: a history has few shapes and many lines."""


def _op_fields(raw: dict[str, Any]) -> dict[str, Any]:
    shape = tuple(raw), tuple(map(type, raw.values()))
    nested = _good_shapes.get(shape)
    if nested is None:
        fields = _checked(raw, OP_FIELDS)
        if "extra" not in fields and len(_good_shapes) < 1000:
            _good_shapes[shape] = tuple(name for name, value in raw.items() if type(value) in (dict, list))
        return fields
    del raw["type"]
    for name in nested:
        raw[name] = decoded(raw[name])
    return raw


def _op(raw: dict[str, Any]) -> Op:
    fields = _op_fields(raw)
    if fields["outcome"] not in _OUTCOMES:
        raise LineError(f"`outcome` is {fields['outcome']!r}, not one of ok, fail, unknown")
    _not_negative(fields, *_OP_COUNTS)
    for name in ("id", "process"):
        if fields[name] > _LARGEST:
            raise LineError(f"`{name}` is {fields[name]}, beyond 64 bits")
    if fields["outcome"] == "fail" and fields.get("confirmed") is not None:
        raise LineError(f"`outcome` is fail but `confirmed` is {fields['confirmed']}: what was confirmed was applied")
    if fields["outcome"] == "ok" and fields["error"] == NOT_SENT:
        raise LineError(f"`outcome` is ok but `error` is {NOT_SENT}: what was never sent was not applied")
    if (fields.get("confirmed") or 0) >= 2**31:
        raise LineError(f"`confirmed` is {fields['confirmed']}, more replicas than there are")
    completed = fields["completed_ns"]
    if completed is None:
        if fields["outcome"] == "ok":
            raise LineError("`outcome` is ok but `completed_ns` is null: an acknowledged operation has completed")
    elif completed < fields["invoked_ns"]:
        raise LineError(f"`completed_ns` {completed} is before `invoked_ns` {fields['invoked_ns']}")
    return _built_op(fields)


_OP_SLOTS = [(getattr(Op, field.name).__set__, field.name, field.default) for field in dataclasses.fields(Op)]


def _built_op(fields: dict[str, Any]) -> Op:
    """`Op(**fields)` in a third of the time: a frozen class's own constructor takes half of the loading."""
    op = object.__new__(Op)
    get = fields.get
    for put, name, default in _OP_SLOTS:
        put(op, get(name, {} if default is dataclasses.MISSING else default))
    return op


def _fault(raw: dict[str, Any]) -> FaultRecord:
    fields = _checked(raw, FAULT_FIELDS)
    _not_negative(fields, "began_ns", "ended_ns")
    if fields["ended_ns"] is not None and fields["ended_ns"] < fields["began_ns"]:
        raise LineError(f"`ended_ns` {fields['ended_ns']} is before `began_ns` {fields['began_ns']}")
    nodes = fields.get("nodes", [])
    if any(type(node) is not str for node in nodes):
        raise LineError("`nodes` holds something that is not a string")
    fields["nodes"] = tuple(nodes)
    if fields["evidence"] is not None:
        try:
            evidence = _checked(fields["evidence"], EVIDENCE_FIELDS)
        except LineError as error:
            raise LineError(f"in `evidence`: {error}") from None
        evidence.pop("extra", None)
        seen = Evidence(**evidence)
        fields["evidence"] = seen if seen.at_ns >= fields["began_ns"] else None
        if fields["evidence"] is None:  # what was there before the fault shows nothing of it
            fields["extra"] = {**fields.get("extra", {}), TOO_EARLY: {**evidence}}
    return FaultRecord(**fields)


def _checked(raw: dict[str, Any], spec: _Spec, also: tuple[str, ...] = ("type",)) -> dict[str, Any]:
    """The fields of `spec`, of the right types and with their bytes decoded; all others in `extra`."""
    fields: dict[str, Any] = {}
    for name, types, required in spec:
        if name not in raw:
            if required:
                raise LineError(f"`{name}` is missing")
            continue
        value = raw[name]
        if type(value) not in types:
            wanted = " or ".join(sorted(_JSON_NAMES[kind] for kind in types))
            raise LineError(f"`{name}` is {value!r}, not {wanted}")
        fields[name] = decoded(value) if type(value) in (dict, list) else value
    if len(raw) > len(fields) + len(also) or not all(name in raw for name in also):
        extra = {name: decoded(value) for name, value in raw.items() if name not in fields and name not in also}
        if extra:
            fields["extra"] = extra
    return fields


def _not_negative(fields: dict[str, Any], *names: str) -> None:
    for name in names:
        value = fields.get(name)
        if value is not None and not 0 <= value < _LARGEST:
            raise LineError(f"`{name}` is {value}, " + ("which is negative" if value < 0 else "beyond 64 bits"))


def decoded(value: Any, deepest: int = DEEPEST) -> Any:
    """A value of a decoded line, with its bytes as bytes."""
    if type(value) not in {list, dict}:
        return value
    if not deepest:
        raise LineError(f"lists and objects are more than {DEEPEST} deep in one another")
    if type(value) is list:
        return [decoded(item, deepest - 1) if type(item) in {list, dict} else item for item in value]
    if len(value) == 1 and BYTES in value:
        try:
            return base64.b64decode(value[BYTES], validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise LineError(f"`{BYTES}` holds {value[BYTES]!r}, not base64") from None
    return {name: decoded(item, deepest - 1) for name, item in value.items()}
