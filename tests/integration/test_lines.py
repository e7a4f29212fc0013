"""What a line promises, on servers in memory and on real ones: the public fake is held to the same tests."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from redis.exceptions import ConnectionError as LostError
from redis.exceptions import ReadOnlyError
from redis.exceptions import TimeoutError as LateError

from pytest_arbredis._clock import CLOCK, wait_until
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.blackhole import Blackhole
from pytest_arbredis.faults.down import Down
from pytest_arbredis.faults.limit_data import LimitData
from pytest_arbredis.faults.nemesis import Nemesis
from pytest_arbredis.faults.pause import Pause
from pytest_arbredis.faults.stall import Stall
from pytest_arbredis.history.recorder import Recorder
from pytest_arbredis.history.records import Header
from pytest_arbredis.load.protocol import Invocation
from pytest_arbredis.run import endpoints_of
from pytest_arbredis.subjects.line_session import LineSession
from pytest_arbredis.subjects.redis_py_line import RedisPyDialer
from pytest_arbredis.subjects.redis_py_objects import OPERATIONS, objects
from pytest_arbredis.testing.clock import ManualClock
from pytest_arbredis.testing.fake_redis import FakeServers
from pytest_arbredis.topology.means import Means
from pytest_arbredis.topology.pool import DeploymentPool
from pytest_arbredis.topology.spec import replicated

TIMEOUT_S = 0.4
OPERATIONS_AND_ANSWERS = {
    "register": (("write", "a", "OK"), ("read", None, "a"), ("write", 7, "OK"), ("read", None, "7")),
    "cas-register": (
        ("cas", ["a", "b"], None),
        ("write", "a", "OK"),
        ("cas", ["a", "b"], "OK"),
        ("cas", ["a", "c"], None),
        ("read", None, "b"),
    ),
    "counter": (("read", None, 0), ("add", 2, 2), ("add", -3, -1), ("read", None, -1)),
    "queue": (("dequeue", None, None), ("enqueue", "a", 1), ("enqueue", "b", 2), ("dequeue", None, "a")),
    "append-log": (("read", None, []), ("append", "a", 1), ("append", "b", 2), ("read", None, ["a", "b"])),
    "set": (("read", None, []), ("add", "b", 1), ("add", "a", 1), ("add", "a", 0), ("read", None, ["a", "b"])),
}


class InMemory:
    """Servers in memory, with the faults of theirs."""

    def __init__(self):
        self.servers = FakeServers(ManualClock(), replicas=1)
        self.clock = self.servers.clock
        self.dialer = self.servers.dialer(TIMEOUT_S)

    def inject(self, fault, target):
        params = {name: getattr(fault, name) for name in fault.__dataclass_fields__}
        self.servers.inject(fault.name, target, params)
        return lambda: self.servers.heal(fault.name, target)


class Real:
    """A deployment, with a nemesis."""

    clock = CLOCK

    def __init__(self, deployment, nemesis):
        self.dialer = RedisPyDialer(endpoints=endpoints_of(deployment), timeout_s=TIMEOUT_S)
        self._nemesis = nemesis

    def inject(self, fault, target):
        injection = self._nemesis.inject(fault, target)
        return lambda: self._nemesis.heal(injection)


@pytest.fixture(scope="module")
def deployments():
    with DeploymentPool(Means(launcher="process")) as pool:
        yield pool


@pytest.fixture(params=["in memory", "real"])
def world(request, tmp_path):
    if request.param == "in memory":
        yield InMemory()
        return
    deployment = request.getfixturevalue("deployments").take(replicated(replicas=1))
    with (
        Recorder(tmp_path / "history.jsonl", Header(run="test", subject="test")) as recorder,
        Nemesis(deployment, recorder) as nemesis,
    ):
        yield Real(deployment, nemesis)


@pytest.fixture
def dial(world):
    """A new line to the primary, closed in the end."""
    with ExitStack() as closing:

        def dial():
            line = world.dialer.primary()
            closing.callback(line.close)
            return line

        yield dial


@pytest.fixture
def line(dial):
    return dial()


def ask(line, *words):
    line.send(*words)
    return line.receive()


@pytest.mark.parametrize("model", OPERATIONS)
def test_every_operation_of_an_object_answers_alike(world, model):
    session = LineSession(world.dialer, OPERATIONS[model])
    for number, (name, given, expected) in enumerate(OPERATIONS_AND_ANSWERS[model]):
        answer = session.apply(Invocation(id=number, name=name, key="key", input=given))
        assert (answer.output, answer.node, session.attempts, session.tried) == (expected, "n0", 1, ("n0",))
        assert answer.outcome == ("fail" if name == "cas" and expected is None else None)
    session.close()


def test_an_unknown_operation_is_refused_with_the_known_ones(world):
    with pytest.raises(UsageError, match="enqueue"):
        LineSession(world.dialer, OPERATIONS["queue"]).apply(Invocation(id=0, name="enqeue", key="key"))


def test_replies_come_in_the_order_of_the_commands(line):
    line.send("INCRBY", "number", "2")
    line.send("INCRBY", "number", "3")
    assert (line.receive(), line.receive()) == (2, 5)


def test_a_time_to_live_is_kept_and_a_plain_write_ends_it(line):
    assert ask(line, "SET", "key", "value", "EX", "600") == "OK"
    assert ask(line, "SET", "key", "value") == "OK"
    assert ask(line, "GET", "key") == "value"


def test_the_time_goes_on(line):
    first, then = (tuple(map(int, ask(line, "TIME"))) for _ in range(2))
    assert first <= then


def test_a_replica_has_what_was_written_and_refuses_to_write(world, line):
    replica = world.dialer.replica()
    assert ask(line, "SET", "key", "value") == "OK"
    seen = wait_until(lambda: ask(replica, "GET", "key"), within_s=3, what="the write on the replica")
    assert seen == "value"
    with pytest.raises(ReadOnlyError):
        ask(replica, "SET", "key", "other")
    assert ask(replica, "GET", "key") == "value"
    replica.close()


def test_a_node_is_dialled_by_its_name_and_none_that_is_not_there(world):
    assert world.dialer.to("n0").node == "n0"
    assert world.dialer.to("n1").node == "n1"
    with pytest.raises(UsageError, match="no node n7"):
        world.dialer.to("n7")


def test_a_node_that_is_down_ends_connections_and_refuses_new_ones(world, line, dial):
    ask(line, "SET", "key", "value")
    heal = world.inject(Down(), "primary")
    with pytest.raises(LostError):
        ask(line, "GET", "key")
    with pytest.raises(LostError):
        dial().connect()
    heal()
    assert ask(dial(), "GET", "key") == "value"


def test_a_reply_that_is_lost_is_that_of_a_command_that_was_applied(world, line, dial):
    ask(line, "SET", "key", "0")
    heal = world.inject(LimitData(after_handshake=True), "primary")
    with pytest.raises(LostError):
        ask(dial(), "INCRBY", "key", "1")
    heal()
    assert ask(dial(), "GET", "key") == "1"


def test_after_a_stall_the_late_reply_comes_first_on_the_same_line(world, line):
    ask(line, "SET", "key", "value")
    heal = world.inject(Stall(), "primary")
    with pytest.raises(LateError):
        ask(line, "INCRBY", "number", "1")
    heal()
    line.send("GET", "key")
    assert (line.receive(), line.receive()) == (1, "value")


def test_in_a_blackhole_of_replies_a_command_is_applied(world, line, dial):
    ask(line, "SET", "key", "0")
    heal = world.inject(Blackhole(), "primary")
    with pytest.raises(LateError):
        ask(line, "INCRBY", "key", "1")
    heal()
    assert ask(dial(), "GET", "key") == "1"


def test_wait_counts_replicas_that_have_what_this_line_saw(world, line, dial):
    """On the line of the write nobody confirms it; one whose last command was earlier is content with less."""
    other = dial()
    ask(line, "SET", "key", "before")
    assert ask(line, "WAIT", "1", "300") == 1
    assert ask(other, "WAIT", "1", "300") == 1
    heal = world.inject(Pause(), "replicas")
    ask(line, "SET", "key", "while it is frozen")
    assert ask(other, "WAIT", "1", "100") == 1
    assert ask(line, "WAIT", "1", "100") == 0
    heal()
    assert ask(line, "WAIT", "1", "300") == 1


def test_objects_say_what_they_offer():
    subject = objects("queue")
    assert (subject.operations, subject.says_fail) == ({"enqueue", "dequeue"}, True)
    assert "queue" in subject.name
    with pytest.raises(UsageError, match="kind of object"):
        objects("heap")
    with pytest.raises(UsageError, match="above 0"):
        objects("queue", socket_timeout_s=0)
