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


ASYNCHRONOUS = """
import asyncio
import pytest, redis


def test_tasks_are_processes(redis_async_client, redis_recorder):
    async def main():
        await redis_async_client.set("k", "v", ex=10)
        await asyncio.gather(*(redis_async_client.get("k") for _ in range(3)))
        async with redis_async_client.pipeline() as pipeline:
            assert await pipeline.incr("n").incr("n").execute() == [1, 2]
        with redis_recorder.operation("place_order", key="o1") as said:
            await redis_async_client.set("o1", "placed")
            said.output = "placed"
        with pytest.raises(redis.ResponseError):
            await redis_async_client.incr("k")

    asyncio.run(main())
    told = [(op.name, op.key, op.input, op.output, op.outcome) for op in redis_recorder.operations()]
    assert told[0] == ("SET", "k", ["v", "EX", 10], "OK", "ok")
    assert told[1:4] == [("GET", "k", None, "v", "ok")] * 3
    assert told[4] == ("MULTI", None, ["INCRBY", "INCRBY"], [1, 2], "ok")
    assert told[5] == ("place_order", "o1", None, "placed", "ok")
    assert told[6] == ("SET", "o1", "placed", "OK", "ok")
    assert told[7][4] == "unknown"
    commands = redis_recorder.operations("SET", "GET", "MULTI")
    assert {op.node for op in commands} == {"n0"} and {op.attempts for op in commands} == {1}
    reads = redis_recorder.operations("GET")
    assert len({op.process for op in reads}) == 3
    assert reads[0].process != commands[0].process


def test_what_is_cut_or_cancelled_is_unknown(redis_async_client, redis_recorder, faults):
    async def main():
        await redis_async_client.set("k", "v")
        async with faults.limit_data("primary", after_handshake=True):
            with pytest.raises(redis.ConnectionError):
                await redis_async_client.set("k", "w")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await redis_async_client.blpop("nothing")
        await redis_async_client.get("k")

    asyncio.run(main())
    operations = redis_recorder.operations()
    assert [op.outcome for op in operations] == ["ok", "unknown", "unknown", "ok"]
    assert operations[1].attempts >= 1 and operations[1].error.startswith("ConnectionError: ")
    assert operations[2].error.startswith("CancelledError")
    assert len({op.process for op in operations}) == 3  # one goes on under another number


def test_nothing_is_recorded_without_the_fixture(redis_async_client, redis_topology):
    asyncio.run(redis_async_client.set("k", "v"))
    assert redis_topology.history().ops == ()
    assert type(redis_async_client) is redis.asyncio.Redis


@pytest.mark.arbredis(topology="single", tls=True, password="pw")
def test_over_tls(redis_async_client, redis_recorder):
    asyncio.run(redis_async_client.set("k", "v"))
    (op,) = redis_recorder.operations()
    assert (op.name, op.node, op.attempts) == ("SET", "n0", 1)
"""


def test_operations_of_the_asynchronous_client_are_recorded(inner, pytester):
    pytester.makepyfile(ASYNCHRONOUS)
    inner("-p", "no:xdist").assert_outcomes(passed=4)


def test_operations_are_recorded(inner, pytester):
    pytester.makepyfile(RECORDED)
    inner("-p", "no:xdist").assert_outcomes(passed=4)


A_TENTH = '''
@pytest.fixture
def a_tenth(monkeypatch):
    """A budget is judged on a tenth of the operations that it takes elsewhere."""
    from pytest_arbredis.checkers import latency

    monkeypatch.setattr(latency, "ENOUGH", latency.ENOUGH // 10)
    monkeypatch.setattr(latency, "ENOUGH_FLOOR", latency.ENOUGH_FLOOR // 10)
'''

BUDGETS = f"""
import time
import pytest

pytestmark = pytest.mark.arbredis(topology="single")

{A_TENTH}


@pytest.mark.latency_budget("GET", p99_ms=10_000)
def test_holds(redis_client, latency_budget):
    finding = latency_budget(lambda: redis_client.get("k"), p99_ms=10_000)
    assert finding.figures["n"] == 10_000 and finding.figures["floor_n"] >= 1000


@pytest.mark.latency_budget("get", p50_ms=0.000_001)
def test_open_because_of_the_noise_floor(a_tenth, redis_client, redis_topology):
    for _ in range(1_000):
        redis_client.get("k")
    floor = redis_topology.history().named("noise floor")
    assert len(floor) == 100 and all(op.outcome == "ok" for op in floor)


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


def test_no_callable(latency_budget):
    latency_budget(3, p99_ms=1)
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
        "FAILED *::test_no_callable - *UsageError: latency_budget(3)*",
    ):
        result.stdout.fnmatch_lines([line])


AWAITED = f"""
import asyncio
import pytest

pytestmark = pytest.mark.arbredis(topology="single")

{A_TENTH}


def test_a_coroutine_function_on_a_loop_of_its_own(latency_budget):
    async def place_order():
        await asyncio.sleep(0)

    finding = latency_budget(place_order, p99_ms=10_000)
    assert finding.figures["n"] == 10_000 and finding.figures["floor_n"] >= 1000
    assert finding.claim.startswith("place_order")


def test_what_gives_an_awaitable_in_a_running_loop(a_tenth, latency_budget, redis_async_client, redis_topology):
    async def main():
        return await latency_budget(lambda: redis_async_client.get("k"), p99_ms=10_000, calls=1_000)

    assert asyncio.run(main()).figures["n"] == 1_000
    assert not redis_topology.history().named("GET")


@pytest.mark.latency_budget("GET", p99_ms=10_000)
def test_the_marker_judges_the_asynchronous_client(a_tenth, redis_async_client, redis_topology):
    async def main():
        for _ in range(1_000):
            await redis_async_client.get("k")

    asyncio.run(main())
    assert len(redis_topology.history().named("noise floor")) == 100


def test_nobody_awaits_it(latency_budget, redis_async_client):
    async def main():
        latency_budget(redis_async_client.ping, p99_ms=10_000)

    asyncio.run(main())


def test_what_it_raises_ends_it(latency_budget):
    async def fails():
        raise OSError("no key")

    latency_budget(fails, p99_ms=10_000)
"""


def test_budgets_of_what_is_awaited(inner, pytester):
    """The budget is far off, so that it holds on any machine."""
    pytester.makepyfile(AWAITED)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(passed=3, failed=2)
    result.stdout.fnmatch_lines(
        ["FAILED *::test_nobody_awaits_it - Failed: the latency budget of ping was not measured*"]
    )
    result.stdout.fnmatch_lines(["FAILED *::test_what_it_raises_ends_it - OSError: no key"])
