"""Any sequence of saves, loads, deletions, crashes and lost connections: the store agrees with a dict.

The server fsyncs every write: what was acknowledged is there after each crash. A call whose outcome is not known leaves
two states possible; the next load must give one of them, and which it is is then known.
"""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
import redis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from restarting import Server

from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.errors import ConflictError, StateError
from pytest_arbredis.state.keyspace.parts import CATEGORIES
from pytest_arbredis.state.sessions.store import StateStore

PLACES = st.sampled_from([("paper", "a"), ("live", "a"), ("paper", "b")])
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(st.sampled_from(["f", "g", "BTC/USDT", "é", "a b"]), VALUES, max_size=4)
STATES = st.dictionaries(st.sampled_from(CATEGORIES), FIELDS, min_size=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


def machine_on(server):
    class Sessions(RuleBasedStateMachine):
        """`possible` is what each session may be: {} where there may be none."""

        @initialize()
        def begin(self):
            with redis.Redis(port=server.port) as raw:
                raw.flushall()
            self.redis = StateRedis(Settings(address=("127.0.0.1", server.port), breaker=None))
            self.store = StateStore(self.redis)
            self.possible = {}
            self.down = False

        def teardown(self):
            if getattr(self, "down", False):
                server.start()
            if hasattr(self, "redis"):
                self.redis.close()

        def within_s(self):
            """Where nobody answers, a short wait will do."""
            return 0.05 if self.down else 5

        def tried(self, place, change, becomes):
            """Do it; the model follows what is known of the outcome."""
            before = self.possible.get(place, [{}])
            try:
                change()
            except StateError as error:
                after = before if error.applied == "no" else [*before, becomes]
            else:
                after = [becomes]
            self.possible[place] = after

        @rule(place=PLACES, state=STATES, ttl_s=st.sampled_from([None, 1000]))
        def save(self, place, state, ttl_s):
            self.tried(
                place,
                lambda: self.store.save_state_to_redis(*place, state, ttl_s=ttl_s, within_s=self.within_s()),
                state,
            )

        @precondition(lambda self: not self.down)
        @rule(place=PLACES, state=STATES)
        def save_some_categories(self, place, state):
            self.load(place)
            (before,) = self.possible[place]
            becomes = {**before, **state}
            self.tried(place, lambda: self.store.save_state_to_redis(*place, state, others="keep"), becomes)

        @precondition(lambda self: not self.down)
        @rule(place=PLACES, state=STATES, late=st.booleans())
        def save_on_a_version(self, place, state, late):
            found = self.store.read_session(*place)
            version = 0 if found is None else found.version
            if late:
                with pytest.raises(ConflictError):
                    self.store.save_state_to_redis(*place, state, if_version=version + 1)
            else:
                saved = self.store.save_state_to_redis(*place, state, if_version=version)
                assert saved.version > version
                self.possible[place] = [state]

        @rule(place=PLACES)
        def delete(self, place):
            self.tried(place, lambda: self.store.delete_state_from_redis(*place, within_s=self.within_s()), {})

        @precondition(lambda self: not self.down)
        @rule(place=PLACES)
        def load(self, place):
            found = self.store.load_state_from_redis(*place, within_s=5)
            possible = self.possible.get(place, [{}])
            assert found in possible
            assert repr(found) in [repr(self.ordered(found, one)) for one in possible if one == found]
            self.possible[place] = [found]

        @staticmethod
        def ordered(like, state):
            """`state` with categories and fields in the order of `like`: types are compared by their repr."""
            return {name: {field: state[name][field] for field in like[name]} for name in like}

        @precondition(lambda self: not self.down)
        @rule()
        def crash(self):
            server.kill()
            self.down = True

        @precondition(lambda self: self.down)
        @rule()
        def restart(self):
            server.start()
            self.down = False

        @precondition(lambda self: not self.down)
        @rule()
        def kill_connections(self):
            with redis.Redis(port=server.port) as raw:
                raw.client_kill_filter(_type="normal", skipme=True)

        @precondition(lambda self: not self.down)
        @rule()
        def forget_scripts(self):
            with redis.Redis(port=server.port) as raw:
                raw.script_flush()

    return Sessions


def test_the_store_agrees_with_a_dict_whatever_happens_to_the_server(server):
    run_state_machine_as_test(
        machine_on(server),
        settings=settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # a shrink of what takes seconds would take hours
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
