"""A bot as it is: it places an order every hundredth of a second and knows nothing of any harness."""

from __future__ import annotations

import itertools
import os
import time

import redis

client = redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.5)
for order in itertools.count():
    while True:
        try:
            with client.pipeline() as both:  # both or none, and once: an order that is there is not placed again
                both.watch(f"order:{order}")
                if not both.exists(f"order:{order}"):
                    both.multi()
                    both.set(f"order:{order}", "placed")
                    both.rpush("tape", order)
                    both.execute()
            break
        except redis.RedisError:
            time.sleep(0.05)
    time.sleep(0.01)
