"""Which scenarios there are: the shipped ones, those of a file, those of a module."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_arbredis.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

    from pytest_arbredis.scenario import Scenario

QUICK = ("failover", "lost_writes", "disconnects", "oom", "retries", "latency_budgets")
"""Files of the quick drill, in the order in which they run."""

QUICK_PROFILE = "quick"
PROFILES = (QUICK_PROFILE, "release")
EVERYTHING = "everything"
"""No profile: all that is shipped, also what runs by name only."""


def shipped() -> dict[str, list[Scenario]]:
    """Scenarios by the name of their file, in the order of the quick drill, then by name."""
    folder = Path(__file__).parent.parent / "scenarios"
    stems = sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")
    ordered = [stem for stem in QUICK if stem in stems] + [stem for stem in stems if stem not in QUICK]
    return {stem: scenarios_in(importlib.import_module(f"pytest_arbredis.scenarios.{stem}")) for stem in ordered}


def check_profile(name: str) -> str:
    """The name of a profile that there is; else a usage error with the known ones."""
    if name not in PROFILES:
        raise UsageError.unknown("profile", name, PROFILES)
    return name


def profile(name: str) -> list[Scenario]:
    """The scenarios of a profile: the quick ones, or all that are not for the quick drill alone."""
    check_profile(name)
    return [
        scenario
        for stem, scenarios in shipped().items()
        for scenario in scenarios
        if name in scenario.profiles and (name == "release" or stem in QUICK)
    ]


def everything() -> list[Scenario]:
    """All shipped scenarios, also those that no profile has and that run by name."""
    return [scenario for scenarios in shipped().values() for scenario in scenarios]


def find(names: Iterable[str]) -> list[Scenario]:
    """The scenarios of several names: a file's, a scenario's, a path, or `pkg.mod:VALUE`."""
    found: list[Scenario] = []
    for name in names:
        found += [scenario for scenario in _named(name) if scenario not in found]
    return found


def _named(name: str) -> list[Scenario]:
    if name.endswith(".py"):
        return _all_of(_load_file(Path(name)), name)
    if ":" in name:
        return [_value(name)]
    known = shipped()
    if name in known:
        return known[name]
    everything = [scenario for scenarios in known.values() for scenario in scenarios]
    matching = [scenario for scenario in everything if scenario.name == name]
    if not matching:
        names = [*known, *(scenario.name for scenario in everything)]
        raise UsageError(f"unknown scenario {name!r}", remedy=_nearest(name, names))
    return matching


def _nearest(name: str, names: list[str]) -> str:
    """What somebody who wrote `name` may have meant, and where all names are."""
    from difflib import get_close_matches

    of_file = [one for one in names if one.startswith(f"{name.partition('.')[0]}.")]
    near = list(dict.fromkeys([*get_close_matches(name, names, n=5), *of_file]))
    told = near or sorted(one for one in names if one.partition(".")[0] in QUICK)
    return f"use one of: {', '.join(told)}; `arbredis drill --list` names all"


def scenarios_in(module: ModuleType) -> list[Scenario]:
    """The scenario values of a module, in the order of their definition; tuples of them count too."""
    from pytest_arbredis.scenario import Scenario

    found: list[Scenario] = []
    for value in vars(module).values():
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, Scenario) and one not in found:
                found.append(one)
    return found


def _all_of(module: ModuleType, name: str) -> list[Scenario]:
    found = scenarios_in(module)
    if not found:
        raise UsageError(f"{name} defines no Scenario", remedy="assign one to a name at the top level")
    return found


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no file {str(path)!r}", remedy="give the path of a file with scenarios")
    spec = importlib.util.spec_from_file_location(f"arbredis_drill_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{str(path)!r} is not a Python file", remedy="give the path of a file with scenarios")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    with _importing(str(path)):
        spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def _importing(what: str) -> Iterator[None]:
    """Whatever ends an import, an exit included, makes it wrong usage: it would pass for a status of ours."""
    try:
        yield
    except UsageError:
        raise
    except (Exception, SystemExit) as error:
        cause = f"{what!r} cannot be imported: {type(error).__name__}: {error}"
        raise UsageError(cause, remedy="give a file.py, or pkg.mod:VALUE, that can be imported from here") from error


def _value(name: str) -> Scenario:
    from pytest_arbredis.scenario import Scenario

    module_name, _, attribute = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        with _importing(module_name):
            module = importlib.import_module(module_name)
    finally:
        sys.path.remove(here)
    value = getattr(module, attribute, None)
    if not isinstance(value, Scenario):
        names = [key for key, found in vars(module).items() if isinstance(found, Scenario)]
        raise UsageError.unknown(f"Scenario in {module_name}", attribute, names or ["(there is none)"])
    return value
