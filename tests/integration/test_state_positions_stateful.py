"""Any sequence of saves, changes and closes by two holders, with faults: positions are what a dict of keys says.

The model is what must lie in Redis, key by key. A change is made as a whole, on the version that its holder has, or
leaves everything as it was: replies are lost, requests come late, others write into the keys, memory is full.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from decimal import Decimal

import hypothesis.strategies as st
import orjson
import pytest
import redis
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from lossy import Lossy
from machines import found_out, played
from small_servers import SERVER, started

from pytest_arbredis.state import errors
from pytest_arbredis.state.connections.redis import StateRedis
from pytest_arbredis.state.connections.settings import Settings
from pytest_arbredis.state.trading import positions
from pytest_arbredis.state.trading.position import HARDENINGS, Position, keys_of
from pytest_arbredis.state.trading.store import TradingStore

pytestmark = pytest.mark.skipif(SERVER is None, reason="needs redis-server on PATH")

HOLDERS = st.integers(0, 1)
PLACES = st.sampled_from([("BTC", "long"), ("BTC", "short"), ("ETH", "long")])
LOSES = st.none() | st.integers(0, 4)
DETAILS = st.dictionaries(st.sampled_from(["qty", "note"]), st.none() | st.text("aé", max_size=2), max_size=2)
MORE = st.fixed_dictionaries({"state": st.sampled_from(["open", "closing"]), "details": DETAILS})
CONTENTS = st.tuples(st.decimals(0, 10**6, places=3), MORE).map(lambda two: {"entry_price": two[0], **two[1]})
TEXT, BROKEN, SOON = b"\xff", b"{broken", b"soon"
AHEAD = b"2800000000000000"  # microseconds: by a clock that was thirty years ahead


class NewVersion:
    """Equal to a version that is higher than the one before, and was never that of this key."""

    def __init__(self, key, before, used):
        self.key, self.before, self.used = key, before, used

    def __eq__(self, other):
        return int(other) > self.before and (self.key, other) not in self.used

    __hash__ = None


def machine_on(state, plain, without=frozenset()):
    class Positions(RuleBasedStateMachine):
        """`keys` is what lies in Redis; `seen` is what each holder has; `late` are requests on their way."""

        @initialize()
        def empty(self):
            plain.flushall()
            self.lossy = Lossy(state)
            confirmed = {"wait_replicas": 1, "wait_ms": 1}  # by nobody: there is no replica
            self.stores = [TradingStore(self.lossy, _without=without, **more) for more in ({}, confirmed)]
            self.keys, self.seen, self.late, self.used = {}, [{}, {}], [], set()
            self.ahead = int(AHEAD)
            self.memory_is_full(on=False)

        @rule(who=HOLDERS, place=PLACES, contents=CONTENTS, loses=LOSES, closes=st.integers(0, 3))
        def save_or_close(self, who, place, contents, loses, closes):
            one, after = self.made_by(who, place, contents), self.saved if closes else self.closed
            call = self.stores[who].save_position if closes else self.stores[who].close_position
            refusal = self.refusal(one, writes=closes)
            error = self.tried(who, lambda: call("u", one), lambda: (after(one), 1), refusal, loses)
            if refusal in (errors.ConflictError, errors.OutOfMemoryError):
                assert error.applied == ("no" if isinstance(error, refusal) else "unknown")
            if isinstance(error, errors.ConflictError):
                self.seen[who][place] = self.readable(place)[1]

        @rule(who=HOLDERS, place=PLACES, contents=CONTENTS, loses=LOSES, meddles=st.booleans())
        def change(self, who, place, contents, loses, meddles):
            """The other holder may save between reading and saving: then it is done again."""
            made = []

            def how(found):
                assert (None, found) == self.readable(place)
                if meddles and not made:
                    self.seen[1 - who][place] = found
                    self.save_or_close(1 - who, place, contents, None, closes=1)
                made.append(
                    replace(found, dca_count=found.dca_count + 1) if found else self.made_by(0, place, contents)
                )
                return made[-1]

            def done():
                return (self.saved(made[-1]) if made else None), (4 if meddles and not self.full else 2)

            refusal = self.readable(place)[0] or (errors.OutOfMemoryError if self.full else None)
            self.tried(who, lambda: self.stores[who].change_position("u", *place, how), done, refusal, loses)

        @rule(who=HOLDERS, place=PLACES)
        def load(self, who, place):
            refusal, position = self.readable(place)
            with pytest.raises(refusal) if refusal else nullcontext():
                assert self.stores[who].load_position("u", *place) == position
                self.seen[who][place] = position

        @rule(who=HOLDERS, place=PLACES, contents=CONTENTS, closes=st.booleans())
        def give_up(self, who, place, contents, closes):
            """The request is on its way: it may arrive later."""
            one = self.made_by(who, place, contents)
            self.late.append((one, closes, (positions.close if closes else positions.save)("u", one)))

        @precondition(lambda self: self.late)
        @rule()
        def a_late_request_arrives(self):
            one, closes, plan = self.late.pop(0)
            refusal = self.refusal(one, writes=not closes)
            with pytest.raises(refusal) if refusal else nullcontext():
                state.run(plan)
            self.settle(self.keys if refusal else (self.closed if closes else self.saved)(one))

        @precondition(lambda self: not self.full)
        @rule(place=PLACES, which=st.integers(0, 3), value=st.sampled_from([None, None, TEXT, [b"x"]]))
        def others_write(self, place, which, value):
            key = keys_of("u", *place)[which]
            self.keys.pop(key, None)
            plain.delete(key)
            if value is not None:
                plain.set(key, value) if value == TEXT else plain.rpush(key, *value)
                self.keys[key] = value

        @precondition(lambda self: not self.full)
        @rule(place=PLACES, field=st.sampled_from([(b"note", BROKEN), (b"_version", SOON)]))
        def others_write_a_field(self, place, field):
            key = keys_of("u", *place)[0]
            if isinstance(self.keys.get(key), dict):
                plain.hset(key, *field)
                self.keys[key][field[0]] = field[1]

        @precondition(lambda self: not self.full)
        @rule(who=HOLDERS, place=PLACES)
        def the_clock_had_been_ahead(self, who, place):
            position, key = self.readable(place)[1], keys_of("u", *place)[0]
            if position is not None:
                self.ahead += 1000  # beyond all that was counted on from there before
                version = b"%d" % self.ahead
                plain.hset(key, "_version", version)
                self.keys[key][b"_version"] = version
                self.used.add((key, version))
                self.seen[who][place] = replace(position, version=self.ahead)

        @rule(on=st.booleans())
        def memory_is_full(self, on):
            plain.config_set("maxmemory", int(on))
            self.full = on

        @rule()
        def restart_empty(self):
            plain.flushall()
            self.keys = {}

        @rule()
        def forget_scripts(self):
            plain.script_flush()

        def tried(self, who, act, done, refusal, loses):
            """`done()`: what lies there once it was done, and by how many asks."""
            self.lossy.loses, error = loses, None
            try:
                saved = act()
                if saved:
                    self.seen[who][saved.symbol, saved.side] = saved
            except errors.StateError as caught:
                error = caught
            finally:
                self.lossy.loses = None
            after, asks = (self.keys, 0) if refusal else done()
            if isinstance(error, errors.ConnectionLostError):
                assert loses is not None
                assert error.applied == "unknown"
                self.settle(after if loses == asks - 1 else self.keys)
            elif refusal:
                assert isinstance(error, refusal)
                assert error.applied != "yes"
                self.settle(self.keys)
            else:
                assert loses is None or loses >= asks
                assert (error and error.applied) == (None if who == 0 else "yes")
                self.settle(after)
            return error

        def settle(self, expected):
            """What lies in Redis is that, and nothing else."""
            names = plain.keys()
            readers = {b"string": plain.get, b"hash": plain.hgetall, b"list": lambda name: plain.lrange(name, 0, -1)}
            found = {name.decode(): readers[plain.type(name)](name) for name in names}
            assert found == expected
            self.keys = found
            self.used |= {(name, one[b"_version"]) for name, one in found.items() if isinstance(one, dict)}

        def made_by(self, who, place, contents):
            """What a holder would save: on the version that he has seen."""
            seen = self.seen[who].get(place)
            return Position(symbol=place[0], side=place[1], version=seen.version if seen else 0, **contents)

        def refusal(self, one, *, writes):
            there = self.keys.get(keys_of("u", one.symbol, one.side)[0], {})
            if not isinstance(there, dict) or there.get(b"_version") == SOON:
                return errors.RejectedError
            if int(there.get(b"_version", 0)) != one.version:
                return errors.ConflictError
            return errors.OutOfMemoryError if writes and self.full else None

        def readable(self, place):
            """The error of a load, and what it gives."""
            fields, *beside = (self.keys.get(key) for key in keys_of("u", *place))
            if isinstance(fields, bytes | list) or any(isinstance(one, list) for one in beside):
                return errors.RejectedError, None
            if fields is None:
                return (errors.CorruptedError if beside[0] or beside[1] else None), None
            if {None, TEXT, BROKEN, SOON} & {*fields.values(), *beside}:
                return errors.CorruptedError, None
            version = int(fields[b"_version"])
            details = {name.decode(): orjson.loads(raw) for name, raw in fields.items() if name != b"_version"}
            more = {"dca_count": int(beside[0]), "state": beside[2].decode(), "details": details, "version": version}
            return None, Position(symbol=place[0], side=place[1], entry_price=Decimal(beside[1].decode()), **more)

        def saved(self, one):
            key, *others = keys_of("u", one.symbol, one.side)
            version = NewVersion(key, int(self.keys.get(key, {}).get(b"_version", 0)), self.used)
            fields = {name.encode(): orjson.dumps(value) for name, value in one.details.items()}
            beside = (one.dca_count, one.entry_price, one.state)
            told = {name: str(value).encode() for name, value in zip(others, beside, strict=True)}
            return {**self.keys, key: {b"_version": version, **fields}, **told}

        def closed(self, one):
            gone = set(keys_of("u", one.symbol, one.side)[:3])
            left = {name: value for name, value in self.keys.items() if name not in gone}
            other = keys_of("u", one.symbol, "short" if one.side == "long" else "long")
            if other[0] not in left:
                left.pop(other[3], None)
            return left

    return Positions


@pytest.fixture
def machine(tmp_path):
    """`machine()` plays it on a server of its own; with names, without those hardenings."""
    with (
        started(tmp_path) as port,
        StateRedis(Settings(address=("127.0.0.1", port), breaker=None)) as state,
        redis.Redis(port=port) as plain,
    ):
        yield lambda *without: machine_on(state, plain, frozenset(without))


def test_a_change_is_there_as_a_whole_or_not_at_all(machine):
    played(machine(), examples=40, steps=30)


@pytest.mark.parametrize("without", sorted(HARDENINGS - {"wait-replicas"}))
def test_the_machine_finds_positions_without(machine, without):
    found_out(machine(without), steps=30)
