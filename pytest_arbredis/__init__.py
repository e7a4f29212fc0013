"""pytest-arbredis: a pytest plugin and chaos harness for state kept in Redis.

What a scenario is written with, imported when it is first used:

    from pytest_arbredis import Scenario, checks, schedule, subjects, topologies, workloads
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_arbredis import factories, subjects
    from pytest_arbredis.checkers import api as checks
    from pytest_arbredis.checkers import seen
    from pytest_arbredis.faults import schedule
    from pytest_arbredis.load import workloads
    from pytest_arbredis.load.protocol import Answer, Endpoints, Invocation
    from pytest_arbredis.scenario import Scenario
    from pytest_arbredis.topology import spec as topologies
    from pytest_arbredis.topology.deploy import deploy
    from pytest_arbredis.topology.spec import dual, replicated, sentinel, single

__all__ = [
    "Answer",
    "Endpoints",
    "Invocation",
    "Scenario",
    "checks",
    "deploy",
    "dual",
    "factories",
    "replicated",
    "schedule",
    "seen",
    "sentinel",
    "single",
    "subjects",
    "topologies",
    "workloads",
]

_WHERE = {
    "Answer": "load.protocol:Answer",
    "Endpoints": "load.protocol:Endpoints",
    "Invocation": "load.protocol:Invocation",
    "Scenario": "scenario:Scenario",
    "checks": "checkers.api",
    "deploy": "topology.deploy:deploy",
    "dual": "topology.spec:dual",
    "replicated": "topology.spec:replicated",
    "factories": "factories",
    "schedule": "faults.schedule",
    "seen": "checkers.seen",
    "sentinel": "topology.spec:sentinel",
    "single": "topology.spec:single",
    "subjects": "subjects",
    "topologies": "topology.spec",
    "workloads": "load.workloads",
}


def __getattr__(name: str) -> object:
    """A public name, imported from its own file."""
    if name not in _WHERE:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    module, _, attribute = _WHERE[name].partition(":")
    found = importlib.import_module(f"{__name__}.{module}")
    value: object = getattr(found, attribute) if attribute else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
