"""Installed but unused the plugin imports nothing heavy."""

from __future__ import annotations

HEAVY = (
    "docker",
    "hypothesis",
    "jinja2",
    "numpy",
    "orjson",
    "plotly",
    "redis",
    "requests",
    "rich",
    "testcontainers",
    "toxiproxy",
    "typer",
)


def test_nothing_heavy_is_imported_where_nothing_is_used(inner, pytester):
    pytester.makepyfile(f"""
        import sys

        def test_imports():
            assert "pytest_arbredis.plugin" in sys.modules
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
            ours = [name for name in sys.modules if name.startswith("pytest_arbredis.")]
            assert sorted(ours) == [f"pytest_arbredis.{{name}}" for name in ("errors", "fixtures", "options", "plugin")]
    """)
    inner("-p", "no:xdist", launched=False).assert_outcomes(passed=1)


def test_an_option_costs_no_heavy_import_either(inner, pytester):
    pytester.makepyfile(f"""
        import sys

        def test_imports():
            assert [name for name in {HEAVY!r} if name in sys.modules] == []
    """)
    inner("-p", "no:xdist", "--arbredis-seed=1").assert_outcomes(passed=1)
