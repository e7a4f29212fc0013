"""Operations of a test in its history, and latency budgets that hold, are broken, or stay open with their figures."""

from __future__ import annotations

RECORDED = """
import threading
import pytest, redis


def test_operations_of_the_client(redis_client, redis_recorder):
    redis_client.set("k", "v", ex=10)
    redis_client.get("k")
    with redis_client.pipeline() as pipeline:
        pipeline.incr("n").incr("n").execute()
    with pytest.raises(redis.ResponseError):
        redis_client.incr("k")
    redis_client.config_set("maxmemory", "64mb")
    told = [(op.name, op.key, op.input, op.output, op.outcome) for op in redis_recorder.operations()]
    assert told[:3] == [
        ("SET", "k", ["v", "EX", 10], "OK", "ok"),
        ("GET", "k", None, "v", "ok"),
        ("MULTI", None, ["INCRBY", "INCRBY"], [1, 2], "ok"),
    ]
    assert told[3][:2] == ("INCRBY", "k") and told[3][4] == "unknown"  # an error that the outcome table does not list
    assert told[4] == ("CONFIG SET", None, None, "OK", "ok")
    assert {op.node for op in redis_recorder.operations("GET", "SET")} == {"n0"}
    assert all(op.attempts == 1 for op in redis_recorder.operations("GET", "SET"))


def test_what_is_cut_is_unknown_and_threads_are_processes(redis_client, redis_recorder, faults):
    redis_client.set("k", "v")
    def other():
        redis_client.get("k")
    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    with faults.limit_data("primary", after_handshake=True), pytest.raises(redis.ConnectionError):
        redis_client.set("k", "w")
    redis_client.get("k")
    operations = redis_recorder.operations()
    assert [op.outcome for op in operations] == ["ok", "ok", "unknown", "ok"]
    assert operations[2].attempts >= 1 and operations[2].error.startswith("ConnectionError: ")
    assert len({op.process for op in operations}) == 3  # the main thread goes on under another number
    assert [fault.name for fault in redis_recorder.history.faults] == ["limit_data"]


def test_operations_of_ones_own(redis_client, redis_recorder):
    with redis_recorder.operation("place_order", key="o1", input={"size": 1}) as said:
        redis_client.set("o1", "placed")
        said.output = "placed"
    (inside,) = redis_recorder.operations("SET")
    with pytest.raises(ZeroDivisionError), redis_recorder.operation("place_order", key="o2"):
        1 / 0
    first, second = redis_recorder.operations("place_order")
    assert (first.key, first.output, first.outcome) == ("o1", "placed", "ok")
    assert first.invoked_ns < inside.invoked_ns < inside.completed_ns < first.completed_ns
    assert inside.process != first.process
    assert (second.outcome, second.error) == ("unknown", "ZeroDivisionError: division by zero")


def test_nothing_is_recorded_without_the_fixture(redis_client, redis_topology):
    redis_client.set("k", "v")
    assert redis_topology.history().ops == ()
    assert type(redis_client) is redis.Redis
"""


def test_operations_are_recorded(inner, pytester):
    pytester.makepyfile(RECORDED)
    inner("-p", "no:xdist").assert_outcomes(passed=4)


BUDGETS = """
import time
import pytest

pytestmark = pytest.mark.arbredis(topology="single")


@pytest.mark.latency_budget("GET", p99_ms=10_000)
def test_holds(redis_client, latency_budget):
    finding = latency_budget(lambda: redis_client.get("k"), p99_ms=10_000)
    assert finding.figures["n"] == 10_000 and finding.figures["floor_n"] >= 1000


@pytest.mark.latency_budget("get", p50_ms=0.000_001)
def test_open_because_of_the_noise_floor(redis_client, redis_topology):
    for _ in range(10_000):
        redis_client.get("k")
    floor = redis_topology.history().named("noise floor")
    assert len(floor) == 1000 and all(op.outcome == "ok" for op in floor)


@pytest.mark.latency_budget("SET", p99_ms=10_000)
def test_open_because_there_are_too_few(redis_client):
    redis_client.set("k", "v")


@pytest.mark.latency_budget("HGET", p99_ms=1)
def test_says_nothing(redis_client):
    redis_client.get("k")


@pytest.mark.latency_budget("GET", p99_ms=1)
def test_records_nothing():
    pass


@pytest.mark.latency_budget(p99_ms=1)
def test_names_nothing(redis_client):
    pass


@pytest.mark.latency_budget("GET", p90_ms=1)
def test_of_no_known_quantile(redis_client):
    pass


def test_a_coroutine(latency_budget):
    async def call(): pass
    latency_budget(call, p99_ms=1)
"""


def test_budgets_hold_are_broken_or_stay_open(inner, pytester):
    pytester.makepyfile(BUDGETS)
    result = inner("-p", "no:xdist", "-rsfEp")
    told = str(result.stdout)
    outcomes = result.parseoutcomes()
    assert outcomes["passed"] == 1, told
    for line in (
        "SKIPPED * INCONCLUSIVE get_latency_within_budget: GET P50 * ms * budget 1e-06 ms: inconclusive because *",
        "SKIPPED * INCONCLUSIVE set_latency_within_budget: 1 SET operations: 10000 are needed for a quantile*",
        "FAILED *::test_says_nothing - Failed: no operation HGET was recorded in this test, so its *",
        "FAILED *::test_records_nothing - Failed: no operation GET was recorded in this test, so its *",
        "ERROR *::test_names_nothing - Failed: UsageError: the marker latency_budget() needs the name of an operation*",
        "ERROR *::test_of_no_known_quantile - Failed: UsageError: unknown argument of a latency budget 'p90_ms'*",
        "FAILED *::test_a_coroutine - *UsageError: latency_budget(<function *",
    ):
        result.stdout.fnmatch_lines([line])
