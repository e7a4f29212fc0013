"""How a recording lies in its file: a header, and chunks of records or of JSON, in whole units of 64 KiB.

Every number has the byte order of the machine that recorded. What makes a part visible (a chunk's kind, a record's
kind, an operation's outcome) is its last field, written last and never zero: whoever is killed while writing leaves a
zero there, and the part is not there.

Source of the idea: the commit word of a write-ahead log, with the order of one processor's stores in place of fsync,
because SIGKILL ends a process and not the machine.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Final

VERSION: Final = 2
MAGIC: Final = b"arbrec\r\n"
ORDER: Final = 0x01020304
"""Reads as another number on a machine of the other byte order."""

UNIT: Final = 65536
"""Chunks start at multiples of it; the first unit is the file's header."""

FILE_HEADER: Final = struct.Struct("=8sIIq16sq")
"""Magic, byte order, version, number of the recording process, nonce of the run, size of the file."""
FILE_SIZE_AT: Final = 40

CHUNK_HEADER: Final = struct.Struct("=qq")
"""Length with this header, kind."""
CHUNK_KIND_AT: Final = 8


class Chunk(IntEnum):
    """What a chunk holds."""

    RECORDS = 1
    JSON = 2


class Kind(IntEnum):
    """What a record is. All but operations have a line of JSON; of one id the highest version counts."""

    OP = 1
    TEXT = 2
    HEADER = 3
    FAULT = 4
    EVENT = 5


_INVOCATION = "qqqqqII64sq"
_COMPLETION = "qqqIIIii24sI"

INVOCATION: Final = struct.Struct("=" + _INVOCATION)
"""Id, process (or version), invoked_ns, intended_ns, position and size of the JSON `[key, input, meta?]`, number of the
text that is the name, that JSON if its position is 0, `Kind`. A time that is not known is -1."""
INVOKED_AT: Final = 16
KIND_AT: Final = INVOCATION.size - 8
SHORT_INPUT: Final = 64
"""JSON up to this length is in the record itself, longer JSON in a chunk of JSON."""

COMPLETION: Final = struct.Struct("=" + _COMPLETION)
"""completed_ns, entered_ns, position and size of the JSON `[output, meta?]`, numbers of the texts that are node and
error (0: none), attempts and confirmed (-1: not known), that JSON if its position is 0, outcome (`OUTCOMES`, from 1).
Size 0 is null."""
OUTCOME_AT: Final = INVOCATION.size + COMPLETION.size - 4
SHORT_OUTPUT: Final = 24
OUTCOMES: Final = ("ok", "fail", "unknown")

RECORD: Final = struct.Struct("=" + _INVOCATION + _COMPLETION)
"""One record, of every kind."""
RECORDS_IN_UNIT: Final = (UNIT - CHUNK_HEADER.size) // RECORD.size

IDS_APART: Final = 1_000_000_000
"""The nth process that joined a recording gives its operations, faults and processes numbers from n times this."""
