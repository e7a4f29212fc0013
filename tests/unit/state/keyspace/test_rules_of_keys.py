"""What lies in Redis is held against its pattern: name, type, time to live, size."""

from __future__ import annotations

import pytest

from pytest_arbredis.state.keyspace.limits import LARGEST_BYTES, MOST_FIELDS
from pytest_arbredis.state.keyspace.rules import Found, breaches

SESSION = "arbitrage:state:paper:s1:session"
METRIC = "arbitrage:metrics:live:BTC-USDT:latency"
WEEK_MS = 7 * 86400 * 1000


def rules(**found):
    return [breach.rule for breach in breaches(Found(**found))[1]]


@pytest.mark.parametrize(
    ("found", "broken"),
    [
        ({"key": SESSION, "type": "hash"}, []),
        ({"key": SESSION, "type": "hash", "ttl_ms": 1000}, []),
        ({"key": SESSION, "type": "string"}, ["type"]),
        ({"key": METRIC, "type": "hash", "ttl_ms": WEEK_MS}, []),
        ({"key": METRIC, "type": "hash"}, ["ttl"]),
        ({"key": METRIC, "type": "hash", "ttl_ms": 2 * WEEK_MS}, ["ttl"]),
        ({"key": "user:1:api:keys", "type": "hash", "ttl_ms": 5000}, ["ttl"]),
        ({"key": "arbitrage:state:prod:s1:session", "type": "hash"}, ["grammar"]),
        ({"key": "arbitrage:state:paper:s 1:session", "type": "hash"}, ["grammar"]),
        ({"key": SESSION, "type": "hash", "elements": MOST_FIELDS}, []),
        ({"key": SESSION, "type": "hash", "elements": MOST_FIELDS + 1}, ["size"]),
        ({"key": SESSION, "type": "hash", "largest_bytes": LARGEST_BYTES + 1}, ["size"]),
        ({"key": "junk", "type": "string", "largest_bytes": LARGEST_BYTES + 1}, ["grammar", "size"]),
        ({"key": METRIC, "type": "string"}, ["type", "ttl"]),
    ],
)
def test_a_key_breaks_exactly_these_rules(found, broken):
    assert rules(**found) == broken


def test_a_breach_says_what_is_and_what_should_be():
    _, (breach,) = breaches(Found(key=METRIC, type="hash", ttl_ms=2 * WEEK_MS))
    assert breach.why == "it expires in 1209600 s, and should live 604800 s"
