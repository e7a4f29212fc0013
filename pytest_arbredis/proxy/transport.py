"""HTTP with one deadline for a whole call: connecting, sending, and every byte of the answer.

A time-out per read, as HTTP libraries have it, never ends a call to a server that sends a byte now and then.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

LONGEST_ANSWER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """An answer that was read to its end, with the two attributes that toxiproxy-python looks at."""

    status_code: int
    content: bytes

    def json(self) -> Any:
        """The decoded body. Raises `ValueError` if it is not JSON."""
        return json.loads(self.content)


class Api:
    """One server's API, usable for `deadline_s` seconds from now: all requests together end by then."""

    def __init__(self, address: tuple[str, int], deadline_s: float) -> None:
        self.address = address
        self._ends = time.monotonic() + deadline_s

    def get(self, path: str) -> Response:
        """The answer to GET."""
        return self._call("GET", path, None)

    def post(self, path: str, body: object = None) -> Response:
        """The answer to POST; `body` goes as JSON, None as no body."""
        return self._call("POST", path, None if body is None else json.dumps(body).encode())

    def delete(self, path: str) -> Response:
        """The answer to DELETE."""
        return self._call("DELETE", path, None)

    def _call(self, method: str, path: str, body: bytes | None) -> Response:
        """Raises `OSError` (`TimeoutError` at the deadline) or `http.client.HTTPException`."""
        host, port = self.address
        connection = http.client.HTTPConnection(host, port)
        with socket.create_connection(self.address, timeout=_remaining(self._ends)) as plain:
            connection.sock = _DeadlineSocket(plain, self._ends)  # what http.client uses of a socket
            headers = {"Connection": "close"}
            if body is not None:
                headers["Content-Type"] = "application/json"
            connection.request(method, path, body, headers)
            with connection.getresponse() as response:
                content = response.read(LONGEST_ANSWER_BYTES + 1)
        if len(content) > LONGEST_ANSWER_BYTES:
            raise http.client.HTTPException(f"the answer is longer than {LONGEST_ANSWER_BYTES} bytes")
        return Response(status_code=response.status, content=content)


class _DeadlineSocket:
    """A socket as http.client needs it, all of whose calls together end at one time."""

    def __init__(self, plain: socket.socket, ends: float) -> None:
        self._plain = plain
        self._ends = ends

    def sendall(self, data: bytes) -> None:
        self._plain.settimeout(_remaining(self._ends))
        self._plain.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._plain, self._ends))

    def close(self) -> None:
        """Nothing: the call that opened the socket closes it."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, plain: socket.socket, ends: float) -> None:
        super().__init__()
        self._plain = plain
        self._ends = ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        self._plain.settimeout(_remaining(self._ends))
        return self._plain.recv_into(buffer)


def _remaining(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left
