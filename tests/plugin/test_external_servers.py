"""The plugin on servers that somebody else started: the same fixtures, the same faults."""

from __future__ import annotations

import pytest

from pytest_arbredis import topologies
from pytest_arbredis.topology.deploy import deploy
from pytest_arbredis.topology.means import Means

TESTS = """
import pytest

pytestmark = pytest.mark.arbredis(topology="single")

@pytest.mark.parametrize("number", [1, 2])
def test_each_begins_empty(redis_client, number):
    assert redis_client.keys() == [b"arbredis:mark"]
    redis_client.set("left", number)

def test_a_fault_is_met(redis_client, faults):
    with faults.latency("primary", ms=80):
        redis_client.get("left")

@pytest.mark.arbredis(topology="sentinel")
def test_asks_for_more(redis_client):
    raise AssertionError("never reached")
"""


@pytest.fixture(scope="module")
def standing():
    with deploy(topologies.single(), Means(launcher="process")) as deployment:
        yield deployment


def test_fixtures_and_faults_on_servers_of_somebody_else(inner, pytester, standing):
    pytester.makepyfile(TESTS)
    host, port = standing.nodes[0].proxied
    control = f"http://127.0.0.1:{standing.control.address[1]}"
    options = (f"--arbredis-url=redis://{host}:{port}", f"--arbredis-control={control}", "--arbredis-allow-destructive")
    result = inner("-v", *options, launched=False)
    result.assert_outcomes(passed=3, errors=1)
    result.stdout.fnmatch_lines([f"arbredis: *url redis://{host}:{port}*allow-destructive yes*"])
    result.stdout.fnmatch_lines(
        ["*not what this test asks for: it asks for the topology sentinel, and these * single*"]
    )
    assert standing.nodes[0].client.keys() == []
    assert not standing.proxies_differ()


@pytest.mark.parametrize(
    ("options", "cause"),
    [
        (("--arbredis-url=localhost:6379",), "the URL of the servers has the scheme '(none)'"),
        (("--arbredis-allow-destructive",), "without the URL of servers"),
    ],
)
def test_what_does_not_fit_is_refused_before_anything_is_collected(inner, pytester, options, cause):
    pytester.makepyfile("def test_nothing(): pass")
    result = inner(*options, launched=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert cause in result.stderr.str() + result.stdout.str()


def test_a_password_is_shown_nowhere(inner, pytester, monkeypatch):
    pytester.makepyfile("def test_it(redis_client): pass")
    monkeypatch.setenv("ARBREDIS_URL", "redis://:hush@127.0.0.1:1")
    result = inner("-v", "--junitxml=report.xml", launched=False)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["arbredis: url redis://:[*][*][*]@127.0.0.1:1*"])
    told = result.stdout.str() + result.stderr.str() + (pytester.path / "report.xml").read_text()
    assert "hush" not in told
