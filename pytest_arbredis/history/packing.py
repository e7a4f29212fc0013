"""One line of history.jsonl, version 1, as it is written: the JSON object of a record, and its bytes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from pytest_arbredis.errors import UsageError
from pytest_arbredis.history.lines import (
    BYTES,
    EVENT_FIELDS,
    EVIDENCE_FIELDS,
    FAULT_FIELDS,
    FORMAT,
    OP_FIELDS,
    VERSION,
)
from pytest_arbredis.history.records import FaultRecord, Header, Op

if TYPE_CHECKING:
    from pytest_arbredis.history.lines import Record
    from pytest_arbredis.history.records import Evidence


def header_line(header: Header) -> dict[str, Any]:
    """A header as the JSON object of the first line."""
    return {
        "type": "header",
        "format": FORMAT,
        "version": VERSION,
        "run": header.run,
        "seed": header.seed,
        "subject": header.subject,
        "model": header.model,
        "meta": header.meta,
        **header.extra,
    }


def record_line(record: Record) -> dict[str, Any]:
    """A record as the JSON object of its line; fields that may be missing are, where they say nothing."""
    if isinstance(record, Op):
        spec, kind = OP_FIELDS, "op"
    elif isinstance(record, FaultRecord):
        spec, kind = FAULT_FIELDS, "fault"
    else:
        spec, kind = EVENT_FIELDS, "event"
    line: dict[str, Any] = {"type": kind}
    for name, _, required in spec:
        value = getattr(record, name)
        if required or not (value is None or value in ({}, ())):
            line[name] = value
    if isinstance(record, FaultRecord) and record.evidence is not None:
        line["evidence"] = evidence_line(record.evidence)
    line.update((name, value) for name, value in record.extra.items() if name not in line)
    return line


def evidence_line(evidence: Evidence | None) -> dict[str, Any] | None:
    """Evidence as the JSON object in the line of its fault."""
    return None if evidence is None else {name: getattr(evidence, name) for name, _, _ in EVIDENCE_FIELDS}


def packed(line: Mapping[str, Any]) -> bytes:
    """A line's bytes, without its newline. Raises `UsageError` for a value that has no JSON form."""
    try:
        data = orjson.dumps(line, default=encoded)
    except TypeError as error:
        is_op = line.get("type") == "op"
        what, number = ("operation", line.get("id")) if is_op else (f"a {line.get('type')}", None)
        raise unrecordable(what, number, error, line) from error
    return data


def unrecordable(what: str, number: object, error: TypeError, value: object) -> UsageError:
    """The error for a value that has no JSON form."""
    name = what if number is None else f"{what} {number}"
    return UsageError(
        f"{name} cannot be recorded: {error} ({value!r:.300})",
        remedy="give and return JSON values: strings, bytes, integers of 64 bits, lists, objects with string keys",
    )


def encoded(value: object) -> object:
    """JSON of what orjson does not know: bytes and mappings. Raises `TypeError` for anything else."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        try:
            return data.decode()
        except UnicodeDecodeError:
            return {BYTES: base64.b64encode(data).decode()}
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
