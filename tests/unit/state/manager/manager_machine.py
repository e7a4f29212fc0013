"""Managers against a model: outages, lost replies and requests, processes that end, between and within the steps.

The model counts what was accepted. When all managers have reconciled on a server that is well, every addition that was
accepted counts once, every metric is the last one that was set, and every position that was set is there, or was
written over by somebody who knew it.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from redis_in_memory import AFTER, BEFORE

from pytest_arbredis.state.errors import ConflictError
from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.opening import Policy

MANAGERS = 3
WHO = st.integers(0, MANAGERS - 1)
STATS = st.sampled_from(["trades", "errors"])
METRICS = st.sampled_from(["total_balance", "trades_today"])
SYMBOLS = st.sampled_from(["BTC", "ETH"])
FATES = st.lists(st.sampled_from([None, None, BEFORE, AFTER]), min_size=1, max_size=6)


class Managers(RuleBasedStateMachine):
    """The subclass gives `server` (with `away`, `fails`), `clock` and `passes(seconds)`."""

    orders_metrics = True

    def begin(self):
        raise NotImplementedError

    def passes(self, seconds):
        raise NotImplementedError

    @initialize()
    def open_all(self):
        self.folder = tempfile.TemporaryDirectory()
        self.begin()
        self.numbers = itertools.count(1)
        self.added = {"trades": 0, "errors": 0}
        self.own = [dict(self.added) for _ in range(MANAGERS)]
        self.last_set = {}
        self.accepted = {"BTC": set(), "ETH": set()}
        self.replaced = {"BTC": set(), "ETH": set()}
        self.known = [{} for _ in range(MANAGERS)]
        self.read = [{} for _ in range(MANAGERS)]
        self.managers = [self.opened(number) for number in range(MANAGERS)]

    def opened(self, number):
        path = Path(self.folder.name) / f"journal-{number}"
        policy = Policy(clock=self.clock, retry_every_s=0.001, journal_file=path)
        return StateManager(namespace="test:local", redis=self.server, policy=policy)

    @rule(who=WHO, name=STATS, by=st.integers(-3, 3))
    def add(self, who, name, by):
        self.passes(0.01)
        self.managers[who].increment_stat(name, by)
        self.added[name] += by
        self.own[who][name] += by

    @rule(who=WHO, name=METRICS)
    def set_metric(self, who, name):
        self.passes(0.01)
        value = next(self.numbers)
        self.managers[who].set_metrics({name: value})
        self.last_set[name] = value

    @rule(who=WHO, symbol=SYMBOLS, knowingly=st.booleans())
    def set_position(self, who, symbol, knowingly):
        self.passes(0.01)
        value = next(self.numbers)
        over = self.read[who].get(symbol) if knowingly else None
        replaced = set(self.known[who].get(symbol, ()))
        if over is not None:
            replaced |= values_of(over)
        try:
            self.managers[who].set_position(symbol, {"value": value}, over=over)
        except ConflictError:
            return
        self.accepted[symbol].add(value)
        self.replaced[symbol] |= replaced
        self.known[who][symbol] = {value}
        self.read[who].pop(symbol, None)

    @rule(who=WHO, symbol=SYMBOLS)
    def read_position(self, who, symbol):
        self.passes(0.01)
        found = self.managers[who].read_position(symbol)
        self.read[who][symbol] = found
        self.known[who][symbol] = {found.fields["value"]} if found.fields else set()

    @rule(who=WHO, name=STATS)
    def read_stat(self, who, name):
        """A manager sees its own additions at any time; a degraded read may lack those of others."""
        self.passes(0.01)
        found = self.managers[who].read_stat(name)
        if not found.degraded:
            assert found.value == self.server.stat(name)
            assert not self.managers[who].waiting

    @rule()
    def goes_away(self):
        self.server.away = True

    @rule()
    def comes_back(self):
        self.server.away = False

    @rule(fates=FATES)
    def fails_soon(self, fates):
        self.server.fails = fates

    @rule(who=WHO)
    def ends_and_starts_again(self, who):
        """Its process: what it has not said goodbye to is in its file."""
        self.managers[who]._core.journal.close()
        self.managers[who] = self.opened(who)
        self.known[who].clear()
        self.read[who].clear()

    @rule()
    def all_is_well_again(self):
        self.server.away, self.server.fails = False, []
        for manager in self.managers:
            self.passes(0.01)
            assert manager.reconcile()
            assert (manager.waiting, manager.refused) == ((), ())
        for name, total in self.added.items():
            assert {one.read_stat(name).value for one in self.managers} == {total}
        for number, manager in enumerate(self.managers):
            metrics = manager.read_metrics()
            assert not metrics.degraded
            if self.orders_metrics:
                assert metrics.value == self.last_set
            for symbol, accepted in self.accepted.items():
                found = manager.read_position(symbol)
                assert accepted - self.replaced[symbol] <= values_of(found), (accepted, self.replaced[symbol], found)
                self.read[number][symbol] = found
                self.known[number][symbol] = {found.fields["value"]} if found.fields else set()

    @invariant()
    def whatever_waits_is_said(self):
        for manager in getattr(self, "managers", ()):
            assert len(manager.waiting) < 1000

    def teardown(self):
        if not hasattr(self, "managers"):
            return
        try:
            self.all_is_well_again()
        finally:
            for manager in self.managers:
                manager._core.journal.close()
            self.folder.cleanup()


def values_of(position):
    found = {one.fields["value"] for one in position.conflicts}
    return found | ({position.fields["value"]} if position.fields else set())
