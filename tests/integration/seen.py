"""A connection that tells a test what Redis answered, whatever the caller of the plan is told."""

from __future__ import annotations


class Seen:
    """Runs plans on another; `reply` is the first reply to the last plan, None if there was none."""

    def __init__(self, redis):
        self._redis = redis
        self.reply = None

    def run(self, plan, **options):
        self.reply = None
        return self._redis.run(self._seen(plan), **options)

    def _seen(self, plan):
        ask = next(plan)
        try:
            while True:
                reply = yield ask
                self.reply = self.reply or reply
                ask = plan.send(reply)
        except StopIteration as done:
            return done.value
