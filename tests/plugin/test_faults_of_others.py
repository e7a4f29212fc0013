"""Faults of other packages: docs/creating-faults.md is true, and what is no fault is refused with the reason."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[2] / "docs" / "creating-faults.md").read_text("utf-8")
BLOCKS = [(path, body) for _, path, body in re.findall(r"^```(\w+) (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)]
NO_OP, *_, GROWN = [body for path, body in BLOCKS if path == "acl_faults.py"]
TESTS = {path: body for path, body in BLOCKS if path.startswith("test_")}
(PROJECT,) = (tomllib.loads(body) for path, body in BLOCKS if path == "pyproject.toml")


@pytest.fixture
def installed(pytester, monkeypatch):
    """Puts a distribution on the path of inner runs: its modules, and its entry points."""
    site = pytester.mkdir("site")
    monkeypatch.setenv("PYTHONPATH", os.fspath(site))

    def install(*, points, **modules):
        metadata = site / "acl_faults-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acl-faults\nVersion: 1.0\n")
        lines = "".join(f"{name} = {value}\n" for name, value in points.items())
        (metadata / "entry_points.txt").write_text(f"[arbredis.faults]\n{lines}")
        for name, source in modules.items():
            (site / f"{name}.py").write_text(source)

    return install


def test_every_block_of_the_guide_is_a_file_that_is_tested():
    assert GUIDE.count("\n```") == 2 * len(BLOCKS)
    assert [path for path, _ in BLOCKS] == [
        "acl_faults.py",
        "pyproject.toml",
        "test_no_op.py",
        "acl_faults.py",
        "test_no_writes.py",
        "test_scenario.py",
    ]


def test_the_no_op_is_found_out(pytester, inner, installed):
    installed(points=PROJECT["project"]["entry-points"]["arbredis.faults"], acl_faults=NO_OP)
    pytester.makepyfile(test_no_op=TESTS["test_no_op.py"])
    result = inner("-p", "no:xdist", "test_no_op.py")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ERROR *no_writes on primary was injected, but no probe saw its effect*"])


def test_the_grown_fault_is_a_verb_in_a_test_and_in_a_schedule(pytester, inner, installed):
    installed(points=PROJECT["project"]["entry-points"]["arbredis.faults"], acl_faults=GROWN)
    pytester.makepyfile(**{path.removesuffix(".py"): body for path, body in TESTS.items() if path != "test_no_op.py"})
    inner("-p", "no:xdist").assert_outcomes(passed=3)


WRONG = """
from dataclasses import dataclass, replace
from acl_faults import NoWrites

class Plain: pass

@dataclass(frozen=True)
class Blind:
    name = "blind"
    nature = NoWrites.nature
    def inject(self, site): ...

@dataclass(frozen=True)
class Untold(Blind):
    name = "untold"
    nature = "what a client sees"
    def observe(self, site): ...

@dataclass(frozen=True)
class Misnamed(NoWrites):
    name = "other"

@dataclass(frozen=True)
class Crash(NoWrites):
    name = "crash"
"""

REFUSED = [
    ("plain", "wrong:Plain", "wrong:Plain is no fault 'plain': it is no dataclass but <class 'wrong.Plain'>"),
    ("blind", "wrong:Blind", "wrong:Blind is no fault 'blind': it has no observe"),
    ("untold", "wrong:Untold", "its nature is no Nature but 'what a client sees'"),
    ("misnamed", "wrong:Misnamed", "wrong:Misnamed is no fault 'misnamed': it calls itself 'other'"),
    ("crash", "wrong:Crash", "wrong:Crash is no fault 'crash': that is the name of a shipped one"),
    ("gone", "nowhere:Gone", "the fault 'gone' of nowhere:Gone cannot be imported: ModuleNotFoundError"),
]


def test_what_is_no_fault_is_refused_with_the_reason(monkeypatch, tmp_path):
    from pytest_arbredis.errors import UsageError
    from pytest_arbredis.faults import registry
    from pytest_arbredis.faults.schedule import at

    (tmp_path / "acl_faults.py").write_text(GROWN)
    (tmp_path / "wrong.py").write_text(WRONG)
    monkeypatch.syspath_prepend(tmp_path)
    for name, value, why in REFUSED:
        folder = tmp_path / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[arbredis.faults]\n{name} = {value}\n")
        registry.others.cache_clear()
        with pytest.raises(UsageError) as refused:
            at(seconds=1).no_such_fault("primary")
        assert why in refused.value.cause
        assert registry.kind_of("pause").name == "pause"
        (folder / "entry_points.txt").unlink()
    registry.others.cache_clear()
    with pytest.raises(UsageError, match="unknown fault 'no_such_fault'"):
        registry.kind_of("no_such_fault")


def test_a_fault_that_gives_nothing_to_heal_it_is_an_error(pytester, inner, installed):
    careless = GROWN.replace("return undoing_all(", "undoing_all(")
    assert careless != GROWN
    installed(points={"no_writes": "acl_faults:NoWrites"}, acl_faults=careless)
    pytester.makepyfile("""
        def test_it(faults, redis_client):
            faults.no_writes("primary")
    """)
    result = inner("-p", "no:xdist")
    result.stdout.fnmatch_lines(["*no_writes was injected and gave None instead of what heals it*"])
