"""Credentials as registers that also look for their own value where it must not be.

Every read decrypts the value and looks for it, as text, in what lies in Redis, in the log records of the layer and of
redis-py, and in errors; now and then in the append-only files, where they are on this machine. Where it is found, the
read gives a description of that, which nobody wrote.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
from pytest_arbredis.state.errors import StateError
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import API_KEYS
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.pieces import Pieces, part_of

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Endpoints
    from pytest_arbredis.state.asks import Plan

WITHIN_S = 2.0
FIELD = "api_secret"
KEY = "YXJicmVkaXMtZHJpbGwtZW5jcnlwdGlvbi1rZXktMzI="
"""The key of a drill: what it encrypts are numbers of a workload."""

FILES_EVERY = 20
LISTENED_TO = ("pytest_arbredis.state", "redis")


class Eavesdropper(logging.Handler):
    """Keeps the text of log records."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one."""
        self.heard.append(self.format(record))


class HardenedCredentials:
    """Implements `Piece`."""

    def __init__(self, endpoints: Endpoints, *, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._store = CredentialStore(self._redis, Cipher([KEY], _without=without))
        self._log = Eavesdropper()
        self._reads = 0
        for name in LISTENED_TO:
            logging.getLogger(name).addHandler(self._log)

    def change(self, key: str, value: str) -> None:
        """Store a credential."""
        try:
            self._store.put(part_of(key), {FIELD: Secret(told(value))}, within_s=WITHIN_S)
        except StateError as error:
            self._log.heard.append(f"{error!r} {error}")
            raise

    def read(self, key: str) -> Json:
        """The credential; or where it can be read without the key."""
        user_id = part_of(key)
        secret = self._store.get(user_id, within_s=WITHIN_S).get(FIELD)
        if secret is None:
            return None
        text = secret.reveal()
        seen = self._where(user_id, text.encode(), repr(secret))
        return f"readable in {seen}: {text}" if seen else text.removeprefix("sk-drill-")

    def _where(self, user_id: str, text: bytes, shown: str) -> str:
        self._reads += 1
        if text in self._redis.run(_raw(API_KEYS.key(user_id=user_id)), within_s=WITHIN_S):
            return "Redis"
        if any(text.decode() in line for line in (*self._log.heard, shown)):
            return "logs and errors"
        if self._reads % FILES_EVERY == 0:
            files = self._redis.run(_append_only_files(), within_s=WITHIN_S)
            return next((str(path) for path in files if text in path.read_bytes()), "")
        return ""

    def close(self) -> None:
        """As `Piece.close`."""
        for name in LISTENED_TO:
            logging.getLogger(name).removeHandler(self._log)
        self._redis.close()


def told(value: str) -> str:
    """A value of a workload as a secret that cannot be met by chance."""
    return f"sk-drill-{value}"


def _raw(key: str) -> Plan[bytes]:
    return b"\0".join((yield Command("HGETALL", key)))


def _append_only_files() -> Plan[tuple[Path, ...]]:
    """Those of the server, if it is on this machine."""
    _, folder = yield Command("CONFIG", "GET", "dir")
    return tuple(path for path in Path(folder.decode()).glob("append*/*") if path.is_file())


def credentials(*, _without: Without = NONE) -> Pieces:
    """Credentials of the state layer."""
    return Pieces(
        name=f"state layer, credentials{lacking(_without)}",
        make=lambda endpoints: HardenedCredentials(endpoints, without=_without),
    )
