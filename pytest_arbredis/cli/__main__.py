"""`python -m pytest_arbredis.cli`: the same as `arbredis`."""

from __future__ import annotations

from pytest_arbredis.cli.main import run

if __name__ == "__main__":
    run()
