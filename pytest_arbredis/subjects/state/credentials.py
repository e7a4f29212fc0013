"""Credentials as registers that also look for their own value where it must not be.

Every read decrypts the value and looks for it, as text, in what lies in Redis, in the log records of the layer and of
redis-py, in errors, and in what a log would show of the reply. A search looks for every value of the run in every
file of the server: append-only files, its log where it writes one, and a snapshot that is taken now, uncompressed.
Where one is found, the read gives a description of that, which nobody wrote.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.load.searched import SEARCH
from pytest_arbredis.state.asks import Command
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
from pytest_arbredis.state.hardenings import NONE, Without
from pytest_arbredis.state.keyspace.patterns import API_KEYS
from pytest_arbredis.subjects.state.connecting import hardened, lacking
from pytest_arbredis.subjects.state.pieces import Pieces, PieceSession, part_of

if TYPE_CHECKING:
    from pytest_arbredis.history.records import Json
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
    from pytest_arbredis.state.asks import Plan

WITHIN_S = 2.0
FIELD = "api_secret"
KEY = "YXJicmVkaXMtZHJpbGwtZW5jcnlwdGlvbi1rZXktMzI="
"""The key of a drill: what it encrypts are numbers of a workload."""

SNAPSHOT = "dump.rdb"
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

    def files(self) -> Path:
        """Write an uncompressed snapshot; where the server keeps it, and its other files."""
        ...

    def close(self) -> None:
        """Give back what it holds."""
        ...


class Credentials:
    """Implements `Piece`."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._log = Eavesdropper()
        for name in LISTENED_TO:
            logging.getLogger(name).addHandler(self._log)

    def change(self, key: str, value: str) -> None:
        """Store a credential."""
        try:
            self._vault.put(part_of(key), told(key, value))
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
        return f"readable in {seen}: {text}" if seen else text.removeprefix(told(key, ""))

    def search(self, key: str) -> Json:
        """The same, after a look for any value of this run in all files of the server."""
        folder, wanted = self._vault.files(), told(key, "").encode()
        if not (folder / SNAPSHOT).is_file():
            raise HarnessError(
                f"no {SNAPSHOT} at {folder}, where the server has written one",
                remedy="run it where the server's files are: on processes, or on containers of this machine",
            )
        for path in sorted(folder.rglob("*")):
            if path.is_file() and wanted in path.read_bytes():
                return f"readable in {path.relative_to(folder)}: {wanted.decode()}…"
        return self.read(key)

    def _where(self, user_id: str, text: bytes, shown: str) -> str:
        if text in self._vault.lies(user_id):
            return "Redis"
        if any(text.decode() in line for line in self._log.heard):
            return "logs and errors"
        if text.decode() in shown:
            return "whatever shows what a caller got"
        return ""

    def close(self) -> None:
        """As `Piece.close`."""
        for name in LISTENED_TO:
            logging.getLogger(name).removeHandler(self._log)
        self._vault.close()


class CredentialsSession(PieceSession):
    """One client, which can search too."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials, frozenset({"write", "read"}))
        self._credentials = credentials

    def apply(self, op: Invocation) -> Answer | Json:
        """Apply one operation."""
        if op.name == SEARCH:
            return self._credentials.search(op.key)
        return super().apply(op)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vaults(Pieces):
    """Implements `Subject`."""

    operations: frozenset[str] = frozenset({"write", "read", SEARCH})

    def open(self, endpoints: Endpoints) -> CredentialsSession:
        """A client of its own."""
        return CredentialsSession(cast("Credentials", self.make(endpoints)))


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

    def files(self) -> Path:
        """As `Vault.files`."""
        return self._redis.run(_files(), within_s=WITHIN_S)

    def close(self) -> None:
        """As `Vault.close`."""
        self._redis.close()


def told(key: str, value: str) -> str:
    """A value of a workload as a secret that cannot be met by chance, nor in what an earlier run has left."""
    return f"sk-drill-{part_of(key.rsplit(':', 2)[0])}-{value}"


def _raw(key: str) -> Plan[bytes]:
    return b"\0".join((yield Command("HGETALL", key)))


def _files() -> Plan[Path]:
    _, before = yield Command("CONFIG", "GET", "rdbcompression")
    yield Command("CONFIG", "SET", "rdbcompression", "no")
    yield Command("SAVE")
    yield Command("CONFIG", "SET", "rdbcompression", before)
    _, folder = yield Command("CONFIG", "GET", "dir")
    return Path(folder.decode())


def credentials(*, _without: Without = NONE) -> Vaults:
    """Credentials of the state layer."""
    return Vaults(
        name=f"state layer, credentials{lacking(_without)}",
        make=lambda endpoints: Credentials(HardenedVault(endpoints, without=_without)),
    )
