"""Fixtures of one's own on real servers, of any scope.

from pytest_arbredis import factories
bot_redis = factories.topology("sentinel", scope="module", conf={"maxmemory": "64mb"})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import pytest

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_arbredis.views.topology import TopologyView

Scope = Literal["function", "class", "module", "package", "session"]


def topology(kind: str = "sentinel", *, scope: Scope = "module", name: str | None = None, **settings: Any) -> Any:
    """A fixture that gives a `TopologyView` for its scope; `settings` are those of the marker `arbredis`.

    The servers are this fixture's alone: no other test's reset touches them, and nothing resets them between the tests
    of its scope. Relative paths count from rootdir. A wrong name is refused here, at definition.
    """
    from pytest_arbredis.views.grouping import WIDE
    from pytest_arbredis.views.marker import PATHS, check_names, specification, topology_from

    what = "factories.topology"
    if scope not in get_args(Scope):
        raise UsageError.unknown(f"scope of {what}", scope, get_args(Scope))
    check_names(settings, what)
    asked = {"topology": kind, **settings}
    known = {key: value for key, value in asked.items() if key not in {*PATHS, "launcher", "proxy"}}
    topology_from(known, rootdir=None)  # refused now, not in a set-up; files are looked at when rootdir is known

    def servers(request: pytest.FixtureRequest) -> Iterator[TopologyView]:
        from pytest_arbredis.session import of
        from pytest_arbredis.views.telling import told

        with told():
            wanted = specification(asked, request.config, what=what)
            with of(request.config).wide_view(wanted, name=str(request.fixturename)) as view:
                yield view

    setattr(servers, WIDE, True)
    return pytest.fixture(scope=scope, name=name)(servers)
