"""A connection that loses the reply to a chosen ask: it was applied, and its caller does not know."""

from __future__ import annotations

from pytest_arbredis.state.errors import ConnectionLostError


class Lossy:
    """Runs plans on another; while `loses` is a number, the reply to that ask of the next plan is lost."""

    def __init__(self, redis):
        self._redis = redis
        self.loses = None

    def run(self, plan, **options):
        loses, self.loses = self.loses, None
        return self._redis.run(plan if loses is None else _losing(plan, loses), **options)

    def line(self, **options):
        return self._redis.line(**options)


def _losing(plan, number):
    try:
        ask = next(plan)
        while True:
            reply = yield ask
            number -= 1
            if number < 0:
                plan.close()
                raise ConnectionLostError("the reply was lost")
            ask = plan.send(reply)
    except StopIteration as done:
        return done.value
