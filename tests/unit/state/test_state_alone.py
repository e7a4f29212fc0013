"""The state layer works by itself: without pytest, without the harness, without what the harness brings along."""

from __future__ import annotations

import subprocess
import sys

BLOCKED = """
import sys

class Blocks:
    apart = ("pytest", "_pytest", "numpy", "typer", "rich", "hypothesis", "testcontainers", "toxiproxy", "docker",
             "jinja2", "plotly")

    def find_spec(self, name, path=None, target=None):
        ours = name.startswith("pytest_arbredis.") and not (name + ".").startswith("pytest_arbredis.state.")
        if ours or name.partition(".")[0] in self.apart:
            raise ImportError(f"{name} is blocked")
        return None

sys.meta_path.insert(0, Blocks())
"""

IMPORTS = """
import importlib, pkgutil
import pytest_arbredis.state as state

names = ["pytest_arbredis.state"]
for found in pkgutil.walk_packages(state.__path__, "pytest_arbredis.state."):
    names.append(found.name)
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def ran(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)


def test_every_module_imports_with_everything_else_blocked():
    done = ran(BLOCKED + IMPORTS)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def test_the_block_blocks():
    """What is not there cannot have been imported: the test above proves something."""
    assert "pytest_arbredis.errors is blocked" in ran(BLOCKED + "import pytest_arbredis.errors").stderr
    assert "numpy is blocked" in ran(BLOCKED + "import numpy").stderr


def test_importing_connections_imports_no_heavy_extra():
    code = (
        "import sys, pytest_arbredis.state.connections.context\n"
        "print([name for name in ('prometheus_client', 'numpy', 'pytest') if name in sys.modules])"
    )
    assert ran(code).stdout.strip() == "[]"
