"""Credentials as registers that also look for their own value where it must not be.

Every read decrypts the value and looks for it, as text, in what lies in Redis, in the log records of the layer and of
redis-py, in errors, and in what a log would show of the reply; now and then in the append-only files, where they are on
this machine. Where it is found, the read gives a description of that, which nobody wrote.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
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


class Vault(Protocol):
    """What the drill needs of a store of credentials: the hardened one, and the naive twin."""

    def put(self, user_id: str, secret: str) -> None:
        """Store the credential of a user."""
        ...

    def get(self, user_id: str) -> tuple[str, str] | None:
        """The credential, and what a log would show that is given what a caller gets."""
        ...

    def lies(self, user_id: str) -> bytes:
        """What lies in Redis."""
        ...

    def folder(self) -> Path:
        """Where the server keeps its files."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Credentials:
    """Implements `Piece`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._log = Eavesdropper()
        self._reads = 0
        for name in LISTENED_TO:
            logging.getLogger(name).addHandler(self._log)

    def change(self, key: str, value: str) -> None:
        """Store a credential."""
        try:
            self._vault.put(part_of(key), told(value))
        except Exception as error:
            self._log.heard.append(f"{error!r} {error}")
            raise

    def read(self, key: str) -> Json:
        """The credential; or where it can be read without the key."""
        user_id = part_of(key)
        found = self._vault.get(user_id)
        if found is None:
            return None
        text, shown = found
        seen = self._where(user_id, text.encode(), shown)
        return f"readable in {seen}: {text}" if seen else text.removeprefix("sk-drill-")

    def _where(self, user_id: str, text: bytes, shown: str) -> str:
        self._reads += 1
        if text in self._vault.lies(user_id):
            return "Redis"
        if any(text.decode() in line for line in self._log.heard):
            return "logs and errors"
        if text.decode() in shown:
            return "whatever shows what a caller got"
        if self._reads % FILES_EVERY == 0:
            files = (path for path in self._vault.folder().glob("append*/*") if path.is_file())
            return next((str(path) for path in files if text in path.read_bytes()), "")
        return ""

    def close(self) -> None:
        """As `Piece.close`."""
        for name in LISTENED_TO:
            logging.getLogger(name).removeHandler(self._log)
        self._vault.close()


class HardenedVault:
    """Implements `Vault` by the state layer."""

    def __init__(self, endpoints: Endpoints, *, without: Without) -> None:
        self._redis = hardened(endpoints)
        self._store = CredentialStore(self._redis, Cipher([KEY], _without=without))

    def put(self, user_id: str, secret: str) -> None:
        """As `Vault.put`."""
        self._store.put(user_id, {FIELD: Secret(secret)}, within_s=WITHIN_S)

    def get(self, user_id: str) -> tuple[str, str] | None:
        """As `Vault.get`."""
        found = self._store.get(user_id, within_s=WITHIN_S)
        return (found[FIELD].reveal(), repr(found)) if FIELD in found else None

    def lies(self, user_id: str) -> bytes:
        """As `Vault.lies`."""
        return self._redis.run(_raw(API_KEYS.key(user_id=user_id)), within_s=WITHIN_S)

    def folder(self) -> Path:
        """As `Vault.folder`."""
        return self._redis.run(_folder(), within_s=WITHIN_S)

    def close(self) -> None:
        """As `Vault.close`."""
        self._redis.close()


def told(value: str) -> str:
    """A value of a workload as a secret that cannot be met by chance."""
    return f"sk-drill-{value}"


def _raw(key: str) -> Plan[bytes]:
    return b"\0".join((yield Command("HGETALL", key)))


def _folder() -> Plan[Path]:
    _, folder = yield Command("CONFIG", "GET", "dir")
    return Path(folder.decode())


def credentials(*, _without: Without = NONE) -> Pieces:
    """Credentials of the state layer."""
    return Pieces(
        name=f"state layer, credentials{lacking(_without)}",
        make=lambda endpoints: Credentials(HardenedVault(endpoints, without=_without)),
    )
