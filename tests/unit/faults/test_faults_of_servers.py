"""Faults of a server: misuse is refused at definition, settings are set back, and witnesses count what meets them."""

from __future__ import annotations

import pytest
import redis

from pytest_arbredis._dials import watch_dials
from pytest_arbredis.errors import UsageError
from pytest_arbredis.faults.busy_script import ROUNDS, SCRIPT, SECONDS
from pytest_arbredis.faults.configuration import changed
from pytest_arbredis.faults.eviction import POLICIES, Eviction
from pytest_arbredis.faults.exposure import Exposure
from pytest_arbredis.faults.fault import Site
from pytest_arbredis.faults.out_of_memory import OutOfMemory
from pytest_arbredis.faults.primaries import require_primaries
from pytest_arbredis.faults.registry import FAULTS
from pytest_arbredis.topology.node import Role


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Eviction(policy="noeviction"), "policy of an eviction 'noeviction'\n.*allkeys-lfu.*volatile-ttl"),
        (lambda: Eviction(policy="allkeys-ttl"), "policy of an eviction 'allkeys-ttl'"),
        (lambda: Eviction(headroom_mb=0), "headroom_mb=0"),
        (lambda: Eviction(headroom_mb=513), "headroom_mb=513"),
        (lambda: Eviction(headroom_mb=1.5), r"headroom_mb=1\.5"),
        (lambda: OutOfMemory(headroom_mb=True), "headroom_mb=True"),
        (lambda: OutOfMemory(headroom_mb=0), "headroom_mb=0"),
    ],
)
def test_misuse_is_refused_at_definition(make, named):
    with pytest.raises(UsageError, match=named):
        make()


def test_every_policy_that_evicts_is_allowed():
    assert {Eviction(policy=policy, headroom_mb=512).policy for policy in POLICIES} == set(POLICIES)


def test_a_restart_ends_what_ended_a_server():
    assert {"crash", "stop"} <= set(FAULTS["restart"].nature.ends)


def test_the_busy_script_ends_by_itself_and_writes_nothing():
    assert SECONDS <= 60
    assert f"rounds >= {ROUNDS}" in SCRIPT
    assert f">= {SECONDS}" in SCRIPT
    assert SCRIPT.count("redis.call(") == SCRIPT.count("redis.call('TIME')")


class Server:
    """A server as a fault's settings and its witnesses see it."""

    name = "n0"
    proxied = ("127.0.0.1", 2)
    direct = ("127.0.0.1", 1)

    def __init__(self, *, kind="master", refusing=()):
        self.client = self
        self.kind = kind
        self.refusing = refusing
        self.values = {"maxmemory": "0", "maxclients": "10000"}
        self.file = dict(self.values)
        self.sections = {}

    def role(self):
        return Role(role=self.kind)

    def config_get(self, name):
        return {name: self.values[name]}

    def config_set(self, name, value):
        if value in self.refusing:
            raise redis.ResponseError(f"CONFIG SET failed: {value}")
        self.values[name] = str(value)

    def config_rewrite(self):
        self.file = dict(self.values)

    def info(self, section):
        return self.sections[section]


def test_settings_are_set_back_in_the_server_and_in_its_file():
    server = Server()
    undo = changed(server, {"maxmemory": 100, "maxclients": 5})
    assert server.values == {"maxmemory": "100", "maxclients": "5"}
    server.config_rewrite()  # as a Sentinel's reconfiguration does
    undo()
    undo()
    assert server.values == server.file == {"maxmemory": "0", "maxclients": "10000"}


def test_a_setting_that_is_refused_takes_back_those_before_it():
    server = Server(refusing={5})
    with pytest.raises(redis.ResponseError):
        changed(server, {"maxmemory": 100, "maxclients": 5})
    assert server.values == {"maxmemory": "0", "maxclients": "10000"}


@pytest.mark.parametrize("kind", ["slave", "sentinel"])
def test_what_only_a_primary_can_have_is_refused_elsewhere(kind):
    site = Site(deployment=None, nodes=(Server(), Server(kind=kind)))
    with pytest.raises(UsageError, match="an earthquake on n0, which is not the primary and stands firm"):
        require_primaries(site, "an earthquake", because="stands firm")


def exposure(server, *, fault):
    watch_dials()
    nature = FAULTS[fault].nature
    taken = Exposure(Site(deployment=None, nodes=(server,)), only_new=nature.only_new)
    taken.arm()
    return taken


def test_open_connections_do_not_meet_a_lack_of_room_for_new_ones():
    server = Server()
    server.sections = {"stats": {"rejected_connections": 3}, "commandstats": {}}
    taken = exposure(server, fault="max_clients")
    server.sections["commandstats"] = {"cmdstat_get": {"calls": 7}}
    assert taken.met() == ""
    server.sections["stats"] = {"rejected_connections": 5}
    assert taken.met() == "n0 turned 2 connections away while it was in force"


def test_of_a_replica_only_what_it_refuses_is_counted():
    server = Server(kind="slave")
    server.sections = {"commandstats": {"cmdstat_set": {"calls": 100, "rejected_calls": 2}}}
    taken = exposure(server, fault="demotion")
    server.sections = {"commandstats": {"cmdstat_set": {"calls": 900, "rejected_calls": 2}}}
    assert taken.met() == ""
    server.sections = {"commandstats": {"cmdstat_set": {"calls": 900, "rejected_calls": 3}}}
    assert taken.met() == "n0 ran 1 commands while it was in force"
