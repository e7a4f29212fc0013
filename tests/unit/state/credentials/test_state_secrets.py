"""Secrets, ciphers, JSON values: nothing shows what it should not, nothing changes on its way."""

from __future__ import annotations

import copy
import math
import pickle
import sys
from decimal import Decimal

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from pytest_arbredis.state.credentials import plans
from pytest_arbredis.state.credentials.cipher import Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.errors import CorruptedError, CredentialError, KeyRefusedError, MisuseError, TooLargeError
from pytest_arbredis.state.json_value import decoded, decoded_object, encoded

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
TEXT = "sk-very-secret"


@pytest.mark.parametrize("show", [repr, str, format, "{:>20}".format, "%s".__mod__, lambda secret: str([secret])])
def test_no_way_of_printing_shows_a_secret(show):
    assert TEXT not in show(Secret(TEXT))
    assert "***" in show(Secret(TEXT))


def test_a_secret_is_not_pickled_hashed_or_serialised():
    with pytest.raises(TypeError):
        pickle.dumps(Secret(TEXT))
    with pytest.raises(TypeError):
        hash(Secret(TEXT))
    with pytest.raises(MisuseError):
        encoded({"key": Secret(TEXT)}, of="settings")
    assert not hasattr(Secret(TEXT), "__dict__")


def test_secrets_are_equal_by_their_text_and_survive_a_copy():
    assert Secret(TEXT) == Secret(TEXT)
    assert Secret(TEXT) != Secret("another")
    assert Secret(TEXT) != TEXT
    assert copy.deepcopy(Secret(TEXT)).reveal() == TEXT
    with pytest.raises(MisuseError):
        Secret("")


@given(st.text(min_size=1))
def test_what_is_encrypted_comes_back(text):
    cipher = Cipher([OLD])
    token = cipher.encrypt("u1", "key", Secret(text))
    assert cipher.decrypt("u1", "key", token).reveal() == text
    assert cipher.encrypt("u1", "key", Secret(text)) != token


@pytest.mark.parametrize(
    "keys", ["", " , ", "short", f"{OLD},short", "ä" * 44], ids=["none", "empty", "short", "one short", "odd"]
)
def test_missing_and_wrong_keys_are_refused_without_being_shown(keys):
    with pytest.raises(CredentialError) as caught:
        Cipher.from_env({"ENCRYPTION_KEY": keys})
    assert OLD not in str(caught.value)
    assert "short" not in str(caught.value)


def test_the_first_key_encrypts_and_all_decrypt():
    both = Cipher.from_env({"ENCRYPTION_KEY": f"{NEW}, {OLD}"})
    old = Cipher([Secret(OLD)]).encrypt("u1", "key", Secret(TEXT))
    assert both.decrypt("u1", "key", old).reveal() == TEXT
    assert not both.is_current(old)
    new = both.encrypt("u1", "key", Secret(TEXT))
    assert both.is_current(new)
    with pytest.raises(CredentialError, match="cannot be decrypted"):
        Cipher([OLD]).decrypt("u1", "key", new)


@pytest.mark.parametrize("harm", [lambda token: token[:-1], lambda token: token[:-6] + b"AAAAA=", lambda _: b"x"])
def test_a_tampered_token_is_refused_without_being_shown(harm):
    cipher = Cipher([OLD])
    token = harm(cipher.encrypt("u1", "key", Secret(TEXT)))
    with pytest.raises(CredentialError) as caught:
        cipher.decrypt("u1", "key", token)
    assert token.decode() not in str(caught.value) or token == b"x"
    assert TEXT not in str(caught.value)
    assert OLD not in repr(cipher)


@pytest.mark.parametrize(("user", "field"), [("u2", "key"), ("u1", "other")])
def test_a_token_of_somebody_else_is_refused(user, field):
    cipher = Cipher([OLD])
    with pytest.raises(CredentialError, match="another user or field"):
        cipher.decrypt(user, field, cipher.encrypt("u1", "key", Secret(TEXT)))


def test_a_fernet_token_that_is_none_of_ours_is_refused():
    token = Fernet(OLD).encrypt(TEXT.encode())
    with pytest.raises(CredentialError):
        Cipher([OLD]).decrypt("u1", "key", token)


@pytest.mark.parametrize(
    ("user", "secrets", "error"),
    [
        ("u 1", {"key": Secret(TEXT)}, KeyRefusedError),
        ("u1", {}, TooLargeError),
        ("u1", {"a:b": Secret(TEXT)}, KeyRefusedError),
        ("u1", {"key": TEXT}, MisuseError),
        ("u1", {"key": Secret("x" * 20_000)}, TooLargeError),
    ],
)
def test_credentials_that_cannot_be_stored_are_refused_before_anything_is_sent(user, secrets, error):
    with pytest.raises(error) as caught:
        plans.put(Cipher([OLD]), user, secrets)
    assert TEXT not in str(caught.value)


def test_a_rotation_gives_up_where_others_keep_changing():
    cipher = Cipher([NEW, OLD])
    plan = plans.rotate(cipher, "u1")
    next(plan)
    token = Cipher([OLD]).encrypt("u1", "key", Secret(TEXT))
    for _ in range(plans.ROTATIONS - 1):
        plan.send([b"key", token])
        plan.send(0)
    plan.send([b"key", token])
    with pytest.raises(plans.ConflictError, match="kept changing"):
        plan.send(0)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_json_comes_back_as_it_went(value):
    assert decoded(encoded(value, of="it"), key="k") == value


DEEP: list[object] = []
for _ in range(200):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value", [math.nan, [math.inf], {"a": -math.inf}, Decimal(1), {1: 2}, b"x", 2**64, "\ud800", {1, 2}, DEEP]
)
def test_what_json_cannot_say_is_refused(value):
    with pytest.raises(MisuseError):
        encoded(value, of="it")


def test_a_value_over_a_megabyte_is_refused():
    with pytest.raises(TooLargeError, match="1000002 bytes"):
        encoded("x" * 1_000_000, of="it")


@pytest.mark.parametrize("raw", [b"{", b"", b"\xff", b"nan"])
def test_corrupted_json_is_said_to_be_and_not_shown(raw):
    with pytest.raises(CorruptedError, match="user:u1:settings"):
        decoded(raw, key="user:u1:settings")
    with pytest.raises(CorruptedError):
        decoded_object(b"[1]", key="k")


def test_without_cryptography_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "cryptography.fernet", None)
    with pytest.raises(CredentialError, match=r"pytest-arbredis\[state\]"):
        Cipher([OLD])
