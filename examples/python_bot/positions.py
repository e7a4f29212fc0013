"""The bot's own code, as it is in production: positions kept in Redis, found through its Sentinels."""

from __future__ import annotations

import time

import redis
from redis.sentinel import Sentinel


class Positions:
    """What the bot holds of each symbol. A write is tried again until it is stored or `within_s` is over."""

    def __init__(self, sentinels, master_name, prefix="position:", within_s=4.0):
        self.client = Sentinel(sentinels, socket_timeout=0.5).master_for(
            master_name, socket_timeout=0.5, decode_responses=True
        )
        self.prefix, self.within_s = prefix, within_s

    def hold(self, symbol, quantity):
        until = time.monotonic() + self.within_s
        while True:
            try:
                return self.client.set(self.prefix + symbol, quantity)  # the same however often it is sent
            except redis.RedisError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def held(self, symbol):
        return self.client.get(self.prefix + symbol)
