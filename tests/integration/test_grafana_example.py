"""The dashboard of examples/grafana asks for what `arbredis metrics --format prometheus` prints, and for all of it."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pytest_arbredis.state.manager.manager import StateManager
from pytest_arbredis.state.manager.values import METRICS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "state" / "manager.md").read_text("utf-8")
DASHBOARD = json.loads((ROOT / "examples" / "grafana" / "arbredis.json").read_text("utf-8"))
FOLDER = "/var/lib/node_exporter/"
OF_THE_EXPORTER = {"node_textfile_mtime_seconds"}

ASKED = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.fixture
def samples(redis_topology, redis_direct_url, tmp_path):
    """What the page's own command writes for the collector, once all metrics are set."""
    host, port = redis_topology.primary.direct
    with StateManager(host, port, namespace="paper:docker") as manager:
        manager.set_metrics(dict.fromkeys(METRICS, 1.0))
    (command,) = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert command.count(FOLDER) == 3
    here = command.replace(FOLDER, f"{tmp_path}/").replace(
        "arbredis metrics", f"{sys.executable} -m pytest_arbredis.cli metrics"
    )
    subprocess.run(["sh", "-c", here], env={**os.environ, "REDIS_URL": redis_direct_url}, check=True, timeout=30)
    assert [path.name for path in tmp_path.glob("arbredis.*")] == ["arbredis.prom"]
    text = (tmp_path / "arbredis.prom").read_text()
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


@pytest.mark.arbredis(topology="single")
def test_the_dashboard_asks_for_the_metrics_that_are_printed(samples):
    asked = set(re.findall(r"\b([a-z_]+)\{", " ".join(ASKED)))
    assert asked - OF_THE_EXPORTER == {sample.name for sample in samples}


@pytest.mark.arbredis(topology="single")
def test_the_dashboard_selects_by_the_labels_that_are_printed(samples):
    (labels,) = {frozenset(sample.labels) for sample in samples}
    variables = {one["name"] for one in DASHBOARD["templating"]["list"]}
    assert variables == labels | {"datasource"}
    for asked in ASKED:
        if "arbitrage_" in asked:
            assert set(re.findall(r'(\w+)=~"\$\1"', asked)) == labels


def test_its_panels_have_numbers_of_their_own_and_do_not_overlap():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        assert beside or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
