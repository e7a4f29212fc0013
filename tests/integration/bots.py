"""Bots of other people, as programs: one that speaks JSON lines, and one that works by itself."""

from __future__ import annotations

ASKED = """
import json, os, sys
import redis

client = redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.5)
print('{"ready": true}', flush=True)
for line in sys.stdin:
    op = json.loads(line)
    answer = {"id": op["id"]}
    try:
        if op["name"] == "write":
            answer |= {"output": client.set(op["key"], op["input"])}
        else:
            value = client.get(op["key"])
            answer |= {"output": None if value is None else value.decode()}
    except redis.RedisError as error:
        answer |= {"outcome": "unknown", "error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
"""
"""Knows one address and no Sentinel, and tries nothing twice."""

BY_ITSELF = """
import itertools, os, time
import redis

client = redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.5)
for number in itertools.count():
    while True:
        try:
            client.setnx(f"order:{number}", "placed") and client.rpush("tape", number)
            break
        except redis.RedisError:
            time.sleep(0.05)
    time.sleep(0.01)
"""
"""Places an order a hundredth of a second, and keeps at each until it is placed."""

IDLE = """
import os, time
import redis

client = redis.from_url(os.environ["REDIS_URL"])
client.ping()
time.sleep(60)
"""
"""Is connected, and does nothing."""

IMPATIENT = """
import os, sys
import redis

client = redis.from_url(os.environ["REDIS_URL"], socket_timeout=0.5)
try:
    while True:
        client.incr("ticks")
except redis.RedisError as error:
    sys.exit(f"giving up: {error}")
"""
"""Works until the first error, and dies of it."""
