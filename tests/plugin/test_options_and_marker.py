"""Options, variables, ini and the marker: which wins, and what is refused, with the known names."""

from __future__ import annotations

import pytest

MEANS = """
def test_means(request):
    from pytest_arbredis import options
    means = options.means_of(request.config)
    print("MEANS", means.launcher, means.redis_image, options.seed_of(request.config))
"""


def test_an_option_wins_over_a_variable_and_that_over_ini(inner, pytester, monkeypatch):
    pytester.makepyfile(MEANS)
    ini = "[pytest]\narbredis_launcher = docker\narbredis_redis_image = ini\narbredis_seed = 1\n"
    pytester.makeini(ini)
    inner("-s", launched=False).stdout.fnmatch_lines(["*MEANS docker ini 1*"])
    monkeypatch.setenv("ARBREDIS_REDIS_IMAGE", "variable")
    monkeypatch.setenv("ARBREDIS_SEED", "2")
    inner("-s", launched=False).stdout.fnmatch_lines(["*MEANS docker variable 2*"])
    inner("-s", "--arbredis-seed=3", "--arbredis-launcher=process").stdout.fnmatch_lines(["*MEANS process variable 3*"])
    monkeypatch.setenv("ARBREDIS_SEED", "")
    inner("-s", launched=False).stdout.fnmatch_lines(["*MEANS docker variable 1*"])


@pytest.mark.parametrize(
    ("option", "cause", "remedy"),
    [
        ("--arbredis-launcher=podman", "unknown launcher 'podman'", "auto, docker, external, process"),
        ("--arbredis-launcher=", "unknown launcher ''", "auto, docker, external, process"),
        ("--arbredis-keep=some", "unknown value of --arbredis-keep 'some'", "all, failed, none"),
        ("--arbredis-inconclusive=pass", "unknown value of --arbredis-inconclusive 'pass'", "fail, skip"),
        ("--arbredis-port=6379", "--arbredis-port '6379'", "primary=6379"),
        ("--arbredis-port=boss=6379", "unknown role of a fixed port 'boss'", "primary"),
        ("--arbredis-port=primary=70000", "the port of primary is 70000", "from 1 to 65535"),
        ("--arbredis-redis-bin=/no/redis", "there is no redis-server at '/no/redis'", "the path of a redis-server"),
        ("--arbredis-redis-bin=/bin/true", "'/bin/true' is not a redis-server", "the path of a redis-server"),
        ("--arbredis-subject=bot", "'bot' names no subject", "pkg.mod:factory"),
        (
            "--arbredis-subject=no_such.bot:make",
            "the subject's module 'no_such.bot' cannot be imported",
            "can be imported from here",
        ),
        ("--arbredis-subject=json:loader", "unknown factory in json 'loader'", "dumps"),
        ("--arbredis-subject=os:getcwd", "'os:getcwd' is no subject", "open(endpoints)"),
        ("--arbredis-runs-dir=/etc/passwd", "--arbredis-runs-dir='/etc/passwd' is a file", "give a folder"),
        ("--arbredis-proxy=wire", "unknown proxy 'wire'", "auto, toxiproxy"),
        ("--arbredis-seed=four", "--arbredis-seed='four'", "a whole number"),
        ("--arbredis-seed=-1", "--arbredis-seed='-1'", "a whole number"),
    ],
)
def test_an_unknown_value_is_refused_before_anything_is_collected(inner, pytester, option, cause, remedy):
    pytester.makepyfile("raise SystemExit('was collected')")
    result = inner(option, launched=False)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {cause}" in str(result.stderr)
    assert remedy in str(result.stderr)
    assert "was collected" not in str(result.stdout) + str(result.stderr)


def test_a_variable_and_an_ini_value_are_refused_too(inner, pytester, monkeypatch):
    monkeypatch.setenv("ARBREDIS_LAUNCHER", "podman")
    assert inner(launched=False).ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.delenv("ARBREDIS_LAUNCHER")
    pytester.makeini("[pytest]\narbredis_proxy = wire\n")
    assert inner(launched=False).ret == pytest.ExitCode.USAGE_ERROR


def test_wrong_markers_are_errors_of_set_up_with_the_known_names(inner, pytester):
    wrong = {
        "topology='clustered'": "UsageError: unknown topology 'clustered'*dual, replicated, sentinel, single",
        "replica=2": "UsageError: unknown argument of the marker arbredis 'replica'*proxy, replicas, sentinel_conf, ",
        "launcher='podman'": "UsageError: unknown launcher 'podman'*use one of: auto, docker, external, process",
        "proxy='wire'": "UsageError: unknown proxy 'wire'*use one of: auto, toxiproxy",
        "version='99'": "UsageError: *99*",
        "'single'": "UsageError: the marker arbredis('single',) has positional arguments*name them",
        "timing='slow'": "UsageError: unknown timing 'slow'*fast, production",
        "replicas='two'": "UsageError: replicas='two'*a whole number from 0 to 5",
        "sentinels=True": "UsageError: sentinels=True*a whole number from 0 to 7",
        "conf='redis.conf'": "UsageError: there is no redis.conf '*redis.conf'",
        "sentinel_conf={'requirepass': 'pw'}": "UsageError: sentinel_conf: requirepass belongs to*are open here",
        "topology='single', replicas=1": "UsageError: topology='single' takes no replicas*leave it out",
    }
    tests = [
        f"@pytest.mark.arbredis({arguments})\ndef test_{number}(redis_url): pass\n"
        for number, arguments in enumerate(wrong)
    ]
    pytester.makepyfile("import pytest\n" + "\n".join(tests))
    result = inner("-p", "no:xdist")
    result.assert_outcomes(errors=len(wrong))
    told = str(result.stdout)
    for expected in wrong.values():
        for part in expected.split("*"):
            assert part in told
    assert "Traceback" not in told
    assert "fixtures.py" not in told


def test_a_directive_that_redis_does_not_know_is_told_with_its_log(inner, pytester):
    pytester.makepyfile("""
        import pytest

        @pytest.mark.arbredis(topology="single", conf={"maxmemry": "1mb"})
        def test_it(redis_url): pass
    """)
    result = inner("-p", "no:xdist")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["ServerDiedError: Redis * refuses its configuration: n0 (redis) *", "*Bad directive*"])


def test_the_closest_marker_wins(inner, pytester):
    pytester.makepyfile("""
        import pytest
        pytestmark = pytest.mark.arbredis(topology="sentinel", replicas=1, sentinels=1)

        def test_modules(redis_topology):
            assert (len(redis_topology.nodes), len(redis_topology.sentinels)) == (2, 1)

        class TestClass:
            @pytest.mark.arbredis(replicas=2)
            def test_function(self, redis_topology):
                assert (len(redis_topology.nodes), len(redis_topology.sentinels)) == (3, 1)
    """)
    inner("-p", "no:xdist").assert_outcomes(passed=2)


def test_a_header_only_with_v_or_where_something_was_asked_for(inner, pytester):
    pytester.makepyfile("def test_nothing(): pass")
    plain = inner(launched=False)
    assert "arbredis:" not in str(plain.stdout)
    inner("-v", launched=False).stdout.fnmatch_lines(["arbredis: seed *"])
    inner("--arbredis-seed=7", launched=False).stdout.fnmatch_lines(["arbredis: seed 7"])


def test_nothing_is_said_at_the_end_where_nothing_was_deployed(inner, pytester):
    pytester.makepyfile("def test_nothing(): pass\ndef test_seed(arbredis): assert arbredis.seed == 7")
    result = inner("--arbredis-seed=7")
    result.assert_outcomes(passed=2)
    assert "arbredis: launcher process (" not in str(result.stdout)


@pytest.mark.parametrize("how", [("-p", "no:xdist"), ("-n", "2")], ids=" ".join)
def test_one_seed_for_all_workers(inner, pytester, how):
    pytester.makepyfile("""
        import pytest
        from pathlib import Path

        @pytest.mark.parametrize("n", range(6))
        def test_seed(arbredis, n):
            (Path(__file__).parent / f"seed-{arbredis.seed}").touch()
    """)
    inner(*how).assert_outcomes(passed=6)
    assert len(list(pytester.path.glob("seed-*"))) == 1
