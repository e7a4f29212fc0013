"""The marker `arbredis`: which topology a test wants, and with what it is started."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_arbredis.errors import UsageError
from pytest_arbredis.options import means_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest

    from pytest_arbredis.topology.means import Means
    from pytest_arbredis.topology.spec import Topology

MEANS = ("launcher", "proxy")
"""Arguments that say with what it is started; the others say what."""
TOPOLOGY = (
    *("topology", "replicas", "sentinels", "timing", "version", "conf", "sentinel_conf"),
    *("password", "acl", "tls", "load", "power"),
)
PATHS = ("conf", "acl", "load", "sentinel_conf")
"""Arguments that may be a path, relative to rootdir."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """What a test wants; equal ones share a deployment."""

    topology: Topology
    means: Means


def specification_of(item: pytest.Item) -> Specification:
    """What the test's markers ask for, the closest first; options say the rest.

    Without a marker it is a Sentinel topology with 2 replicas and 3 Sentinels.
    """
    asked: dict[str, Any] = {}
    for marker in item.iter_markers("arbredis"):
        if marker.args:
            raise UsageError(f"the marker arbredis{marker.args!r} has positional arguments", remedy="name them")
        for name, value in marker.kwargs.items():
            asked.setdefault(name, value)
    return specification(asked, item.config, what="the marker arbredis")


def specification(asked: Mapping[str, Any], config: pytest.Config, *, what: str) -> Specification:
    """A topology and means from named settings; `what` has them, for errors."""
    check_names(asked, what)
    settings = {name: value for name, value in asked.items() if name not in MEANS}
    wanted = {name: asked[name] for name in MEANS if name in asked}
    return Specification(
        topology=topology_from(settings, rootdir=config.rootpath), means=replace(means_of(config), **wanted)
    )


def check_names(asked: Mapping[str, Any], what: str) -> None:
    """Refuse settings that nobody knows."""
    for name in asked:
        if name not in (*TOPOLOGY, *MEANS):
            raise UsageError.unknown(f"argument of {what}", name, (*TOPOLOGY, *MEANS))


def topology_from(settings: Mapping[str, Any], *, rootdir: Path | None) -> Topology:
    """The topology that named settings make; paths are relative to `rootdir`."""
    from pathlib import Path as AnyPath

    from pytest_arbredis.topology.spec import named

    asked = dict(settings)
    for name in PATHS:
        if isinstance(asked.get(name), (str, AnyPath)) and rootdir is not None:
            asked[name] = rootdir / asked[name]
    return named(asked.pop("topology", "sentinel"), **asked)
