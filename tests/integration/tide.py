"""Others who write between any two steps of a walk: a flood of keys and its ebb, so that Redis's table is made anew."""

from __future__ import annotations

from collections import Counter

from pytest_arbredis._clock import wait_until
from pytest_arbredis.state.asks import Call
from pytest_arbredis.state.audit.look import LOOK

FLOOD = "for n = ARGV[1], ARGV[2] do redis.call(ARGV[3], 'price:tide' .. n, unpack(ARGV, 4)) end"
AT_ONCE = 5000


class Tide:
    """`turn` lets `keys` keys come, and the next one lets them go; each waits until the table has its new size."""

    def __init__(self, plain, *, keys):
        self._plain, self._keys = plain, keys
        self._ebb_bytes = self._table_bytes()
        self.high, self.turns = False, 0
        plain.config_set("hz", 100)

    def turn(self):
        self.high = not self.high
        self.turns += 1
        command = ("SET", "{}", "EX", 60) if self.high else ("UNLINK",)
        for first in range(0, self._keys, AT_ONCE):
            self._plain.eval(FLOOD, 0, first, min(first + AT_ONCE, self._keys) - 1, *command)
        wait_until(self._has_its_size, within_s=30, what="the table of keys to be made anew")

    def _has_its_size(self):
        return (self._table_bytes() > 2 * self._ebb_bytes) is self.high

    def _table_bytes(self):
        return self._plain.memory_stats()["db.0"]["overhead.hashtable.main"]


class Beside:
    """Runs plans on another, and calls `turn(ask)` before every `every`th ask; `given` counts the keys of an audit."""

    def __init__(self, redis, turn, *, every):
        self._redis, self._turn, self._every = redis, turn, every
        self._asks = 0
        self.given = Counter()

    def run(self, plan, **options):
        return self._redis.run(self._beside(plan), **options)

    def line(self, **options):
        return self._redis.line(**options)

    def _beside(self, plan):
        try:
            ask = next(plan)
            while True:
                self._asks += 1
                if self._asks % self._every == 0:
                    self._turn(ask)
                reply = yield ask
                if type(ask) is Call and ask.script is LOOK:
                    self.given.update(reply[1])
                ask = plan.send(reply)
        except StopIteration as done:
            return done.value
