"""Any sequence of puts, reads, rotations and deletions, with faults: credentials are what a dict says, and unreadable.

Replies are lost, keys are wrong, the server is killed and started again between the steps of a call, its memory is
full; others move tokens. It fsyncs every write.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import redis
from cryptography.fernet import Fernet
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from lossy import Lossy
from machines import found_out, outcome, played
from restarting import Server
from small_servers import SERVER
from tide import Beside

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.credentials.cipher import HARDENINGS, Cipher
from pytest_arbredis.state.credentials.secret import Secret
from pytest_arbredis.state.credentials.store import CredentialStore
from pytest_arbredis.state.errors import ConnectionLostError, CredentialError, OutOfMemoryError

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

KEYS = tuple(Fernet.generate_key().decode() for _ in range(3))
USERS, PLACES = st.sampled_from(["u-1", "u-2"]), st.integers(0, 2)
TEXTS = st.text("ab\x00é", min_size=1, max_size=4).map(lambda text: f"plain-{text}")
GIVEN = st.dictionaries(st.sampled_from(["api_key", "api_secret"]), TEXTS, min_size=1)
LOSES = st.none() | st.integers(0, 1)
NONE = ({}, 0)
WELL = (None, 0)
STRIKES = st.just(WELL) | st.tuples(st.sampled_from([None, "restart", "full", "put", "delete"]), st.integers(0, 2))
"""What befalls the server, or what another does, and before which ask of a call."""


def machine_on(server, state, plain, without=frozenset()):
    def store_of(redis, *keys):
        return CredentialStore(redis, Cipher([KEYS[key] for key in keys], _without=without))

    class Credentials(RuleBasedStateMachine):
        """`possible` is what each user may have: `({field: text}, which of KEYS)`; `base` is what a call finds."""

        @initialize()
        def empty(self):
            plain.config_set("maxmemory", 0)
            plain.flushall()
            self.full = False
            self.other = CredentialStore(state, Cipher(KEYS, _without=without))
            self.lossy = Lossy(Beside(state, self.befalls, every=1))
            self.strike, self.user = WELL, "u-1"
            self.possible = {"u-1": [NONE], "u-2": [NONE]}
            self.texts = set()

        @rule(user=USERS, key=PLACES, given=GIVEN, loses=LOSES, strike=STRIKES)
        def put(self, user, key, given, loses, strike):
            self.texts |= {*given.values()}
            store, secrets = store_of(self.lossy, key), {name: Secret(text) for name, text in given.items()}
            self.tried(lambda: store.put(user, secrets, within_s=60), user, loses, strike, becomes=(given, key))

        @rule(user=USERS, loses=LOSES, strike=STRIKES)
        def delete(self, user, loses, strike):
            store = store_of(self.lossy, 0)
            there, error = self.tried(
                lambda: store.delete(user, within_s=60), user, loses, strike, becomes=NONE, makes_room=True
            )
            assert error or there is bool(self.base[0])

        @rule(user=USERS, keys=st.permutations(range(3)), several=st.integers(1, 3), loses=LOSES, strike=STRIKES)
        def rotate(self, user, keys, several, loses, strike):
            """With the right key, or without it: then nothing changes."""
            keys = keys[:several]
            store = store_of(self.lossy, *keys)
            rotated, error = self.tried(lambda: store.rotate(user, within_s=60), user, loses, strike, to=keys)
            assert error or rotated == len(self.base[0])

        @rule(user=USERS, key=PLACES)
        def read(self, user, key):
            """By one key: the right one gives them all, another none."""
            had, under = self.known(user)
            found, error = outcome(lambda: store_of(state, key).get(user, within_s=60))
            if had and key != under:
                assert type(error) is CredentialError
                assert not self.shows(f"{error!r} {error.remedy}")
                return
            assert error is None
            assert {name: secret.reveal() for name, secret in found.items()} == had
            assert not self.shows(repr(found))

        @rule(user=USERS, other=USERS, moves_user=st.booleans())
        def move_a_token(self, user, other, moves_user):
            """To another user, or to another field: it is refused there. Then it is put back."""
            had, _ = self.known(user)
            name = next(iter(had), None)
            place = (other, name) if moves_user else (user, "elsewhere")
            if name is None or place == (user, name):
                return
            self.frees_memory()
            key, field = f"user:{place[0]}:api:keys", place[1]
            was = plain.hget(key, field)
            plain.hset(key, field, plain.hget(f"user:{user}:api:keys", name))
            _, error = outcome(lambda: store_of(state, 0, 1, 2).get(place[0], within_s=60))
            assert "another user or field" in str(error)
            assert not self.shows(f"{error!r} {error.remedy}")
            plain.hdel(key, field) if was is None else plain.hset(key, field, was)

        @rule()
        def frees_memory(self):
            plain.config_set("maxmemory", 0)
            self.full = False

        @invariant()
        def nothing_is_readable(self):
            if not hasattr(self, "texts"):
                return
            for user in self.possible:
                raw = b" ".join(plain.hgetall(f"user:{user}:api:keys").values())
                assert not any(text.encode() in raw for text in (*KEYS, *self.texts))
            assert {*plain.keys()} <= {b"user:u-1:api:keys", b"user:u-2:api:keys"}

        def known(self, user):
            """What the user has: one of what is possible, under one of its keys."""
            found = self.other.get(user, within_s=60)
            had = {name: secret.reveal() for name, secret in found.items()}
            raws = plain.hgetall(f"user:{user}:api:keys").values()
            (under,) = {self.under(raw) for raw in raws} or {0}
            assert (had, under) in self.possible[user]
            self.possible[user] = [(had, under)]
            return had, under

        def under(self, raw):
            if "encryption" in without:
                return 0
            return next(key for key in range(3) if Cipher([KEYS[key]]).is_current(raw))

        def befalls(self, _):
            """Called before each ask."""
            what, number = self.strike
            self.strike = (what, number - 1)
            if number != 0:
                return
            if what == "full":
                plain.config_set("maxmemory", 1)
                self.full = True
            elif what == "restart":
                server.kill()
                server.start()
                self.full = False
            elif what == "put":
                self.frees_memory()
                self.texts.add("plain-other")
                self.other.put(self.user, {"api_key": Secret("plain-other")}, within_s=60)
                self.base = ({"api_key": "plain-other"}, 0)
            elif what == "delete":
                self.other.delete(self.user, within_s=60)
                self.base = NONE

        def tried(self, call, user, loses, strike, *, becomes=None, to=(), makes_room=False):
            """Do it; the model follows what is known of the outcome. Gives the result, or an error that is right."""
            self.base = self.known(user)
            self.lossy.loses, self.strike, self.user = loses, strike, user
            result, error = outcome(call)
            self.lossy.loses, self.strike = None, WELL
            had, under = self.base
            late = becomes is None and had and under not in to
            after = becomes or ((had, to[0]) if had else NONE)
            if isinstance(error, CredentialError):
                assert late
                assert not self.shows(f"{error!r} {error.remedy}")
            elif isinstance(error, OutOfMemoryError):
                assert self.full
                assert not makes_room
                assert error.applied == "no"
            elif error is not None:
                assert strike[0] == "restart" or type(error) is ConnectionLostError
            else:
                assert not late
            possible = [after] if error is None else [self.base]
            if error is not None and error.applied != "no":
                possible.append(after)
            self.possible[user] = possible
            return result, error

        def shows(self, told):
            return any(text in told for text in (*KEYS, *self.texts))

    return Credentials


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    server = Server(tmp_path)
    server.start()
    try:
        with (
            StateRedis(Settings(address=("127.0.0.1", server.port), breaker=None)) as state,
            redis.Redis(port=server.port) as plain,
        ):
            yield lambda *without: machine_on(server, state, plain, frozenset(without))
    finally:
        server.kill()


def test_credentials_are_what_was_put_and_nobody_reads_them(machine):
    played(machine(), examples=30, steps=30)


@pytest.mark.parametrize("without", sorted(HARDENINGS))
def test_the_machine_finds_credentials_without(machine, without):
    found_out(machine(without), steps=30)
