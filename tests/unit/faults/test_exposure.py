"""Who met a fault is counted by witnesses: open connections, commands, dials; and none of them counts the harness."""

from __future__ import annotations

import socket

import pytest
import redis

from pytest_arbredis._dials import DIALS, harness_dials, watch_dials
from pytest_arbredis.faults.exposure import ADMIN, Exposure
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.topology.node import HARNESS_CLIENT, Role


class Client:
    def __init__(self, node):
        self.node = node

    def client_list(self):
        if self.node.dead:
            raise redis.ConnectionError
        return self.node.clients

    def info(self, _):
        return {f"cmdstat_{name}": stat for name, stat in self.node.stats.items()}


class Node:
    """A server as its witnesses see it."""

    name = "n0"

    def __init__(self, *, role="master", dead=False):
        self.dead = dead
        self.kind = role
        self.clients = []
        self.stats = {}
        self.client = Client(self)
        with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
            self.proxied = listener.getsockname()
            self.direct = other.getsockname()

    def role(self):
        return None if self.dead else Role(role=self.kind)


@pytest.fixture
def node():
    return Node()


def exposure(node, *, cuts=False, fault="latency"):
    watch_dials()
    nature = FAULTS["crash" if cuts else fault].nature
    taken = Exposure(Site(deployment=None, nodes=(node,)), cuts=nature.cuts, on_link=nature.on_link)
    taken.arm()
    return taken


def dial(address):
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=1)


def test_nothing_done_is_nothing_met(node):
    node.stats = {"get": {"calls": 4}}
    node.clients = [{"name": "", "flags": "N"}]
    assert exposure(node).met() == ""


@pytest.mark.parametrize(("fault", "met"), [("latency", False), ("down", False), ("out_of_memory", True)])
def test_what_goes_past_the_proxy_does_not_meet_a_fault_of_the_link(node, fault, met):
    node.clients = [{"name": "", "flags": "N"}]
    taken = exposure(node, fault=fault)
    dial(node.direct)
    node.stats = {"get": {"calls": 4}}
    assert bool(taken.met()) is met


def test_what_also_goes_through_the_proxy_meets_it(node):
    watch_dials()
    before = DIALS.copy()
    dial(node.direct)
    dial(node.proxied)
    taken = Exposure(Site(deployment=None, nodes=(node,)), on_link=True, since=before)
    taken.arm()
    node.stats = {"get": {"calls": 4}}
    assert taken.met() == "n0 ran 4 commands while it was in force"


def test_refused_dials_of_this_process_count(node):
    taken = exposure(node)
    dial(node.proxied)
    dial(node.proxied)
    assert taken.met() == "2 connections to n0 were tried while it was in force"


def test_dials_before_the_fault_and_those_of_the_harness_do_not_count(node):
    watch_dials()
    dial(node.proxied)
    taken = exposure(node)
    with harness_dials():
        dial(node.proxied)
        with harness_dials():
            dial(node.proxied)
        dial(node.proxied)
    assert taken.met() == ""
    dial(node.proxied)
    assert taken.met() == "1 connections to n0 were tried while it was in force"


def test_a_cut_is_met_by_the_connections_that_were_open_when_it_came(node):
    ours = {"name": HARNESS_CLIENT, "flags": "N"}
    sentinel = {"name": "sentinel-1234-cmd", "flags": "N"}
    replica, primary = {"name": "", "flags": "S"}, {"name": "", "flags": "M"}
    node.clients = [ours, sentinel, replica, primary]
    assert exposure(node, cuts=True).met() == ""
    node.clients = [ours, sentinel, replica, {"name": "", "flags": "N"}, {"name": "bot", "flags": "P"}]
    assert exposure(node, cuts=True).met() == "2 connections to n0 were open when it came"
    assert exposure(node, cuts=False).met() == ""


def test_commands_count_if_they_are_data_and_the_node_is_primary(node):
    node.stats = {"get": {"calls": 4, "rejected_calls": 0}, "ping": {"calls": 9}}
    taken = exposure(node)
    node.stats = {"get": {"calls": 4, "rejected_calls": 0}, "ping": {"calls": 99}, "config|get": {"calls": 5}}
    assert taken.met() == ""
    node.stats["get"] = {"calls": 6, "rejected_calls": 0}
    assert taken.met() == "n0 ran 2 commands while it was in force"


def test_commands_that_were_refused_count_too(node):
    taken = exposure(node)
    node.stats = {"set": {"calls": 0, "rejected_calls": 3}}
    assert taken.met() == "n0 ran 3 commands while it was in force"


@pytest.mark.parametrize("other", [Node(role="slave"), Node(dead=True)], ids=["replica", "dead"])
def test_a_replica_and_a_dead_node_count_no_commands(other):
    taken = exposure(other, cuts=True)
    other.stats = {"set": {"calls": 7}}
    assert taken.met() == ""


def test_names_of_administrative_commands_are_lower_case():
    assert {name.lower() for name in ADMIN} == ADMIN
    assert not {"get", "set", "incr", "eval", "exec"} & ADMIN
