"""Credentials, status, settings, positions, on a real Redis; threads and asyncio."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from small_servers import started
from state_twins import TWINS, connected

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.credentials.aio import AsyncCredentialStore
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
from pytest_arbredis.state.errors import (
    ConflictError,
    CorruptedError,
    CredentialError,
    NotConfirmedError,
    WrongTypeError,
)
from pytest_arbredis.state.trading.aio import AsyncTradingStore
from pytest_arbredis.state.trading.position import Position
from pytest_arbredis.state.trading.store import TradingStore

KEY = Fernet.generate_key().decode()
OTHER = Fernet.generate_key().decode()
OPENED = Position(
    symbol="BTCUSDT", side="long", entry_price=Decimal("64000.10"), dca_count=1, state="open", details={"qty": 0.5}
)


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with started(tmp_path_factory.mktemp("redis")) as port:
        yield port


@pytest.fixture(params=TWINS)
def at(request, port):
    with connected(request.param, port) as made:
        yield made


@pytest.fixture
def credentials(at):
    return at[0](CredentialStore, AsyncCredentialStore, Cipher([KEY]))


@pytest.fixture
def trading(at):
    return at[0](TradingStore, AsyncTradingStore)


SECRETS = {"api_key": Secret("ak-1234567890"), "api_secret": Secret("as-0987654321")}


def test_credentials_come_back_and_lie_encrypted(at, credentials):
    credentials.put("u1", SECRETS)
    assert credentials.get("u1") == SECRETS
    assert credentials.fields("u1") == ("api_key", "api_secret")
    stored = b"".join(at[1].hgetall("user:u1:api:keys").values())
    assert b"ak-1234567890" not in stored
    assert at[1].ttl("user:u1:api:keys") == -1


def test_credentials_are_replaced_as_a_whole_and_deleted(credentials):
    credentials.put("u1", SECRETS)
    credentials.put("u1", {"api_key": Secret("another")})
    assert credentials.get("u1") == {"api_key": Secret("another")}
    assert credentials.delete("u1") is True
    assert credentials.get("u1") == {}
    assert credentials.delete("u1") is False


def test_another_key_does_not_decrypt_them(at, credentials):
    credentials.put("u1", SECRETS)
    with pytest.raises(CredentialError, match="cannot be decrypted") as caught:
        at[0](CredentialStore, AsyncCredentialStore, Cipher([OTHER])).get("u1")
    assert KEY not in str(caught.value)


def test_tokens_swapped_between_users_or_fields_are_refused(at, credentials):
    credentials.put("u1", SECRETS)
    credentials.put("u2", SECRETS)
    at[1].hset("user:u2:api:keys", "api_key", at[1].hget("user:u1:api:keys", "api_key"))
    with pytest.raises(CredentialError, match="another user or field"):
        credentials.get("u2")
    at[1].hset("user:u1:api:keys", "api_key", at[1].hget("user:u1:api:keys", "api_secret"))
    with pytest.raises(CredentialError, match="another user or field"):
        credentials.get("u1")


def test_a_rotation_leaves_nothing_of_the_old_key(at, credentials):
    credentials.put("u1", SECRETS)
    both = at[0](CredentialStore, AsyncCredentialStore, Cipher([OTHER, KEY]))
    assert both.get("u1") == SECRETS
    assert both.rotate("u1") == 2
    assert both.rotate("nobody") == 0
    assert at[0](CredentialStore, AsyncCredentialStore, Cipher([OTHER])).get("u1") == SECRETS
    with pytest.raises(CredentialError):
        credentials.get("u1")


def test_a_string_where_credentials_should_lie_is_refused(at, credentials):
    at[1].set("user:u1:api:keys", "x")
    with pytest.raises(WrongTypeError):
        credentials.get("u1")


def test_status_moves_only_from_what_it_is(at, trading):
    assert trading.get_status("u1") is None
    trading.move_status("u1", expected=None, to="running")
    with pytest.raises(ConflictError, match="is running, not stopped"):
        trading.move_status("u1", expected="stopped", to="error")
    assert trading.get_status("u1") == "running"
    trading.set_status("u1", "error")
    assert trading.get_status("u1") == "error"
    at[1].set("user:u1:trading:status", "paused")
    with pytest.raises(CorruptedError, match="holds no status"):
        trading.get_status("u1")
    with pytest.raises(CorruptedError, match="holds no status"):
        trading.move_status("u1", expected="running", to="error")


def test_settings_keep_their_types_and_have_no_ttl_unless_asked(at, trading):
    settings = {"leverage": 3, "ratio": 0.1, "symbols": ["A", None, True], "deep": {"x": {"y": 1}}}
    trading.set_settings("u1", settings, ttl_s=100)
    assert 0 < at[1].pttl("user:u1:settings") <= 100_000
    trading.set_settings("u1", settings)
    assert trading.get_settings("u1") == settings
    assert at[1].ttl("user:u1:settings") == -1
    assert trading.get_settings("nobody") is None
    at[1].set("user:u1:settings", "{broken")
    with pytest.raises(CorruptedError, match="user:u1:settings"):
        trading.get_settings("u1")


def test_preferences_are_replaced_and_statistics_counted(trading):
    trading.set_preferences("u1", {"theme": "dark", "sizes": [1, 2]})
    trading.set_preferences("u1", {"theme": "light"})
    assert trading.get_preferences("u1") == {"theme": "light"}
    trading.set_preferences("u1", {})
    assert trading.get_preferences("u1") == {}
    assert trading.count("u1", "trades") == 1
    assert trading.count("u1", "trades", 4) == 5
    assert trading.get_stats("u1") == {"trades": 5}


def test_an_exchange_has_defaults_users_and_things_of_users(trading):
    trading.set_default_settings("okx", {"fee": 0.1})
    assert trading.get_default_settings("okx") == {"fee": 0.1}
    assert trading.add_users("okx", ["u1", "u2"]) == 2
    assert trading.remove_users("okx", ["u2", "u3"]) == 1
    assert trading.get_users("okx") == {"u1"}
    trading.set_item("okx", "u1", ("orders", "last"), {"id": 7})
    assert trading.get_item("okx", "u1", ("orders", "last")) == {"id": 7}
    assert trading.get_item("okx", "u1", ("orders", "first")) is None


def test_a_position_is_four_keys_of_one_version(at, trading):
    saved = trading.save_position("u1", OPENED)
    assert saved.version > 0
    assert trading.load_position("u1", "BTCUSDT", "long") == saved
    assert trading.load_position("u1", "BTCUSDT", "short") is None
    assert at[1].get("user:u1:position:BTCUSDT:long:entry_price") == b"64000.10"
    assert at[1].get("user:u1:position:BTCUSDT:position_state") == b"open"


def test_a_save_on_an_old_version_changes_nothing(trading):
    first = trading.save_position("u1", OPENED)
    second = trading.save_position("u1", replace(first, dca_count=2, details={}))
    with pytest.raises(ConflictError, match="somebody else"):
        trading.save_position("u1", replace(first, dca_count=9))
    with pytest.raises(ConflictError):
        trading.save_position("u1", OPENED)
    found = trading.load_position("u1", "BTCUSDT", "long")
    assert found == second
    assert found.details == {}


def test_a_closed_position_is_gone_and_its_versions_do_not_come_again(at, trading):
    saved = trading.save_position("u1", OPENED)
    other = trading.save_position("u1", replace(OPENED, side="short"))
    trading.close_position("u1", saved)
    assert trading.load_position("u1", "BTCUSDT", "long") is None
    assert trading.load_position("u1", "BTCUSDT", "short") == other
    again = trading.save_position("u1", OPENED)
    assert again.version > saved.version
    with pytest.raises(ConflictError):
        trading.close_position("u1", saved)
    trading.close_position("u1", again)
    trading.close_position("u1", other)
    assert at[1].keys() == []


def test_a_position_that_nobody_confirms_is_saved_and_said_to_be(at, trading):
    careful = at[0](TradingStore, AsyncTradingStore, wait_replicas=1, wait_ms=1)
    with pytest.raises(NotConfirmedError) as caught:
        careful.save_position("u1", OPENED)
    assert caught.value.applied == "yes"
    found = trading.load_position("u1", "BTCUSDT", "long")
    assert found.entry_price == OPENED.entry_price
    with pytest.raises(NotConfirmedError):
        careful.close_position("u1", found)
    assert trading.load_position("u1", "BTCUSDT", "long") is None


def test_parts_of_a_position_are_an_error_not_a_position(at, trading):
    trading.save_position("u1", OPENED)
    at[1].delete("user:u1:position:BTCUSDT:long:dca_count")
    with pytest.raises(CorruptedError, match=r"without .*dca_count"):
        trading.load_position("u1", "BTCUSDT", "long")
    at[1].delete("user:u1:position:BTCUSDT:long")
    with pytest.raises(CorruptedError, match="is absent"):
        trading.load_position("u1", "BTCUSDT", "long")


def test_concurrent_changes_are_all_there(port):
    """Eight threads, 25 changes each, one position."""
    with connected("sync", port) as (make, _):
        store = make(TradingStore, AsyncTradingStore)
        store.save_position("u1", replace(OPENED, dca_count=0))

        def work(_):
            with StateRedis.from_url(f"redis://127.0.0.1:{port}/0") as mine:
                for _ in range(25):
                    TradingStore(mine).change_position(
                        "u1", "BTCUSDT", "long", lambda found: replace(found, dca_count=found.dca_count + 1)
                    )

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(work, range(8)))
        assert store.load_position("u1", "BTCUSDT", "long").dca_count == 200
