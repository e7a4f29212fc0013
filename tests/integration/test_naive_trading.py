"""The naive twins of designs 2, 4 and 5 do what the hardened pieces do, as long as nothing happens to Redis."""

from __future__ import annotations

import logging

import pytest
from cryptography.fernet import Fernet
from small_servers import op, session_of, started

from pytest_arbredis.load.protocol import Answer, Endpoints
from pytest_arbredis.scenarios.naive import cache as naive_cache
from pytest_arbredis.scenarios.naive import engine as naive_engine
from pytest_arbredis.scenarios.naive.trading import NaiveTradingStore
from pytest_arbredis.scenarios.naive.trading import credentials as naive_credentials
from pytest_arbredis.scenarios.naive.trading import positions as naive_positions
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
from pytest_arbredis.state.trading.store import TradingStore
from pytest_arbredis.subjects.state.caches import caches
from pytest_arbredis.subjects.state.connecting import plain
from pytest_arbredis.subjects.state.credentials import credentials
from pytest_arbredis.subjects.state.engine import physics, snapshots
from pytest_arbredis.subjects.state.positions import positions

KEY = Fernet.generate_key().decode()


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield Endpoints(primary=("127.0.0.1", port))


@pytest.fixture(autouse=True)
def _empty(endpoints):
    with plain(endpoints) as client:
        client.flushall()


def output(answer):
    return answer.output if isinstance(answer, Answer) else answer


REGISTERS = (
    physics(),
    naive_engine.physics(),
    snapshots(),
    naive_engine.snapshots(),
    credentials(),
    credentials(_without=frozenset({"encryption"})),
    caches(ttl_s=30, load_s=0.001),
    naive_cache.caches(ttl_s=30, load_s=0.001),
)


@pytest.mark.parametrize("subject", REGISTERS[:5] + REGISTERS[6:], ids=lambda subject: subject.name)
def test_a_register_gives_what_was_written_last(endpoints, subject):
    with session_of(subject, endpoints) as session:
        assert output(session.apply(op("read", "run:k:1"))) is None
        for value in ("v0.1", "v3.17"):
            assert output(session.apply(op("write", "run:k:1", value))) == "OK"
            assert output(session.apply(op("read", "run:k:1"))) == value
            assert output(session.apply(op("read", "run:k:1"))) == value


@pytest.mark.parametrize("subject", [positions(), naive_positions()], ids=lambda subject: subject.name)
def test_a_position_has_all_its_fills(endpoints, subject):
    with session_of(subject, endpoints) as session:
        assert output(session.apply(op("read", "run:set:1"))) == []
        for value in ("v0.1", "v0.2"):
            assert output(session.apply(op("add", "run:set:1", value))) == "OK"
        assert output(session.apply(op("read", "run:set:1"))) == ["v0.1", "v0.2"]


def test_a_credential_that_lies_open_is_found(endpoints):
    with session_of(credentials(_without=frozenset({"encryption"})), endpoints) as session:
        session.apply(op("write", "u", "v0.1"))
        assert output(session.apply(op("read", "u"))) == "readable in Redis: sk-drill-u-v0.1"


def test_a_credential_that_shows_itself_is_found(endpoints):
    with session_of(naive_credentials(), endpoints) as session:
        assert session.apply(op("read", "u")) is None
        assert session.apply(op("write", "u", "v0.1")) == "OK"
        assert session.apply(op("read", "u")) == "readable in whatever shows what a caller got: sk-drill-u-v0.1"


def test_a_credential_that_was_logged_is_found(endpoints):
    with session_of(credentials(), endpoints) as session:
        session.apply(op("write", "u", "v0.1"))
        logging.getLogger("redis").warning("stored %s", "sk-drill-u-v0.1")
        assert session.apply(op("read", "u")) == "readable in logs and errors: sk-drill-u-v0.1"


class Hardened:
    """The hardened stores under the names of the naive one."""

    def __init__(self, endpoints):
        host, port = endpoints.primary
        self.redis = StateRedis.from_url(f"redis://{host}:{port}/0")
        self._trading = TradingStore(self.redis)
        self._credentials = CredentialStore(self.redis, Cipher([KEY]))
        self.set_status, self.get_status = self._trading.set_status, self._trading.get_status
        self.set_settings, self.get_settings = self._trading.set_settings, self._trading.get_settings

    def put_credentials(self, user_id, secrets):
        self._credentials.put(user_id, {field: Secret(text) for field, text in secrets.items()})

    def get_credentials(self, user_id):
        return {field: secret.reveal() for field, secret in self._credentials.get(user_id).items()}


@pytest.mark.parametrize("make", [Hardened, lambda at: NaiveTradingStore(plain(at), KEY)], ids=["hardened", "naive"])
def test_status_settings_and_credentials_come_back(endpoints, make):
    store = make(endpoints)
    try:
        assert store.get_status("u1") is None
        store.set_status("u1", "running")
        assert store.get_status("u1") == "running"
        store.set_settings("u1", {"leverage": 3})
        assert store.get_settings("u1") == {"leverage": 3}
        store.put_credentials("u1", {"api_key": "k", "api_secret": "s"})
        assert store.get_credentials("u1") == {"api_key": "k", "api_secret": "s"}
    finally:
        store.redis.close()
