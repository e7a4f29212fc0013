"""Removing a toxic from a proxy that does not answer for a while."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from pytest_arbredis.errors import ControlError, UnansweredError
from pytest_arbredis.faults.links import add_toxic
from pytest_arbredis.proxy.control import ProxyState, ToxicState
from pytest_arbredis.proxy.toxics import LatencyToxic

NODE = SimpleNamespace(name="n0")


class BusyControl:
    """A control that keeps its toxic, and its silence, for some calls after it was asked to remove it."""

    def __init__(self, silent_calls, error=UnansweredError):
        self.toxics = {}
        self.silent = 0
        self.silent_calls = silent_calls
        self.error = error

    def add_toxic(self, proxy, toxic, *, name):
        assert proxy == "n0"
        self.toxics[name] = toxic

    def remove_toxic(self, proxy, name):
        assert (proxy, name) == ("n0", next(iter(self.toxics)))
        self.silent = self.silent_calls
        raise self.error("no answer")

    def proxies(self):
        if self.silent:
            self.silent -= 1
            if not self.silent:
                self.toxics.clear()
            raise UnansweredError("no answer")
        toxics = tuple(
            ToxicState(name=name, type="latency", stream="downstream", toxicity=1.0, attributes={})
            for name in self.toxics
        )
        return {"n0": ProxyState(name="n0", listen="", upstream="", enabled=True, toxics=toxics)}


def injected(control):
    return add_toxic(SimpleNamespace(control=control), NODE, LatencyToxic(latency_ms=5), fault="latency")


def test_a_removal_that_is_not_answered_in_time_is_waited_for():
    control = BusyControl(silent_calls=3)
    undo = injected(control)
    undo()
    assert not control.toxics
    undo()


def test_a_removal_that_is_refused_is_an_error_at_once():
    with pytest.raises(ControlError, match="no answer"):
        injected(BusyControl(silent_calls=0, error=ControlError))()
