"""The control of somebody else's proxies: our nodes' names, our toxics, and nothing else."""

from __future__ import annotations

import pytest

from pytest_arbredis.errors import UsageError
from pytest_arbredis.proxy.control import ProxyState, ToxicState
from pytest_arbredis.proxy.foreign import ForeignControl


class Recorded:
    """A control that notes every change."""

    def __init__(self):
        toxics = tuple(
            ToxicState(name=name, type="latency", stream="upstream", toxicity=1, attributes={})
            for name in ("arbredis-1", "theirs")
        )
        self.states = {
            "orders": ProxyState(name="orders", listen="a:1", upstream="b:1", enabled=False, toxics=toxics),
            "mail": ProxyState(name="mail", listen="a:2", upstream="b:2", enabled=False, toxics=toxics),
        }
        self.calls = []

    def proxies(self):
        return self.states

    def __getattr__(self, name):
        return lambda *arguments, **_: self.calls.append((name, *arguments))


@pytest.fixture
def real():
    return Recorded()


def test_a_node_is_known_by_its_own_name(real):
    control = ForeignControl(real, {"n0": "orders"}, why="")
    assert {name: state.name for name, state in control.proxies().items()} == {"n0": "n0"}
    control.disable("n0")
    control.rename({"n1": "n0"})
    control.enable("n1")
    assert real.calls == [("disable", "orders"), ("enable", "orders")]
    with pytest.raises(UsageError, match="unknown proxy 'n0'"):
        control.disable("n0")


def test_two_nodes_change_their_names(real):
    control = ForeignControl(real, {"n0": "orders", "n1": "mail"}, why="")
    control.rename({"n0": "n1", "n1": "n0"})
    control.disable("n0")
    assert real.calls == [("disable", "mail")]


def test_a_reset_touches_our_nodes_and_our_toxics_only(real):
    ForeignControl(real, {"n0": "orders"}, why="").reset()
    assert real.calls == [("remove_toxic", "orders", "arbredis-1"), ("enable", "orders")]


def test_only_what_we_created_is_removed(real):
    control = ForeignControl(real, {"n0": "orders"}, why="")
    control.create("primary", "a:3", "b:3")
    control.delete("primary")
    assert real.calls == [("create", "arbredis-primary", "a:3", "b:3"), ("delete", "arbredis-primary")]
    with pytest.raises(UsageError, match="'orders' is somebody else's"):
        control.delete("n0")


def test_without_a_proxy_engine_every_change_says_why():
    control = ForeignControl(None, {}, why="nobody told us of one")
    assert control.proxies() == {}
    with pytest.raises(UsageError, match="nobody told us of one"):
        control.disable("n0")
