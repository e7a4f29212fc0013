"""Toxiproxy's server: where it is found, what it is told, and how a start is judged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pytest_arbredis.errors import (
    ControlError,
    HarnessError,
    MissingBinaryError,
    PortTakenError,
    ServerDiedError,
    WaitTimeoutError,
)
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.toxiproxy import (
    VERSION,
    await_toxiproxy,
    config_json,
    find_toxiproxy,
    get_toxiproxy,
    identity_proxy,
    toxiproxy_args,
    version_in,
)
from pytest_arbredis.servers.toxiproxy_build import build_toxiproxy


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """An empty PATH and an empty cache."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def program(path, text="#!/bin/sh\n"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.mark.usefixtures("alone")
def test_nothing_found_names_the_command_that_helps():
    with pytest.raises(MissingBinaryError, match=r"arbredis doctor --fix"):
        find_toxiproxy()


def test_the_path_comes_before_the_cache(alone):
    cached = program(alone / "cache" / "arbredis" / f"toxiproxy-{VERSION}" / "toxiproxy-server")
    assert find_toxiproxy() == cached
    on_path = program(alone / "bin" / "toxiproxy-server")
    assert find_toxiproxy() == on_path
    assert get_toxiproxy(pytest.fail) == on_path


def test_an_explicit_binary_is_the_only_one_looked_at(alone):
    program(alone / "bin" / "toxiproxy-server")
    mine = program(alone / "mine")
    assert find_toxiproxy(mine) == mine
    with pytest.raises(MissingBinaryError, match="no-such-file"):
        find_toxiproxy(alone / "no-such-file")
    mine.chmod(0o644)
    with pytest.raises(MissingBinaryError, match="not a file that can be run"):
        find_toxiproxy(str(mine))


def test_the_configuration_ends_with_a_disabled_proxy_that_proves_identity():
    entries = json.loads(config_json({"n0": ("127.0.0.1:20000", "127.0.0.1:20001")}, nonce="abc"))
    assert entries[0] == {
        "name": "n0",
        "listen": "127.0.0.1:20000",
        "upstream": "127.0.0.1:20001",
        "enabled": True,
    }
    assert len(entries) == 2
    assert entries[-1]["name"] == identity_proxy("abc")
    assert entries[-1]["enabled"] is False


def test_the_api_listens_on_the_loopback_only():
    args = toxiproxy_args(20002, Path("/d/proxies.json"))
    assert args == ("-host", "127.0.0.1", "-port", "20002", "-config", "/d/proxies.json")


def test_the_version_is_read_from_what_it_prints():
    assert version_in("toxiproxy-server version 2.12.0\n") == "2.12.0"
    with pytest.raises(HarnessError, match="no version"):
        version_in("segmentation fault")


class StandIn:
    """A server with a given end and log."""

    def __init__(self, status=None, log=""):
        self.spec = ServerSpec(name="toxiproxy", kind="toxiproxy", args=(), directory=Path("/d"), port=1)
        self.pid = None
        self.log_path = Path("/d/toxiproxy.log")
        self._status = status
        self._log = log

    def start(self):
        raise AssertionError("nobody asked for that")

    def signal(self, number):
        raise AssertionError(f"nobody asked for {number}")

    def exit_status(self):
        return self._status

    def log_tail(self, lines=10):
        return "\n".join(self._log.splitlines()[-lines:])


class Answers:
    """A control that answers each question with the next of these, the last one for ever."""

    def __init__(self, *answers):
        self._answers = list(answers)

    def proxies(self):
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


REFUSED = ControlError("connection refused")


def test_it_is_up_once_it_shows_our_identity():
    await_toxiproxy(StandIn(), Answers(REFUSED, REFUSED, {"n0": 1, identity_proxy("x"): 2}), nonce="x")


def test_a_server_that_died_is_reported_with_status_log_and_path():
    server = StandIn(status=1, log="first line\nflag provided but not defined: -confg")
    with pytest.raises(ServerDiedError, match=r"(?s)exit status 1.*flag provided.*/d/toxiproxy\.log"):
        await_toxiproxy(server, Answers(REFUSED), nonce="x")


def test_another_toxiproxy_on_the_port_is_reported():
    with pytest.raises(PortTakenError, match="port 1 is taken by"):
        await_toxiproxy(StandIn(), Answers({identity_proxy("other"): 1}), nonce="x")


@pytest.mark.parametrize("answer", [REFUSED, {}], ids=["api-port", "proxy-port"])
def test_a_taken_port_is_read_from_the_log_of_a_server_that_lives_on(answer):
    log = '{"error":"listen tcp 127.0.0.1:20007: bind: address already in use","message":"Server finished with error"}'
    with pytest.raises(PortTakenError, match="port 20007 is taken by"):
        await_toxiproxy(StandIn(log=log), Answers(answer), nonce="x")


def test_a_configuration_that_could_not_be_played_is_reported():
    log = '{"level":"error","error":"missing required field","message":"Failed to populate proxies from file"}'
    with pytest.raises(HarnessError, match="missing required field"):
        await_toxiproxy(StandIn(log=log), Answers({}), nonce="x")


def test_silence_ends_at_the_deadline_with_the_log():
    with pytest.raises(WaitTimeoutError, match=r"(?s)connection refused.*the only line"):
        await_toxiproxy(StandIn(log="the only line"), Answers(REFUSED), nonce="x", within_s=0.05)


FAKE_GO = """#!/bin/sh
if [ "$1" = version ]; then echo "go version go{go} linux/amd64"; exit; fi
[ "$GOTOOLCHAIN" = local ] && [ "$CGO_ENABLED" = 0 ] || exit 3
/bin/mkdir -p "$GOBIN" "$GOMODCACHE"
printf '#!/bin/sh\\necho toxiproxy-server version {built}\\n' > "$GOBIN/server"
/bin/chmod +x "$GOBIN/server"
echo "$GOPROXY $GOFLAGS $*" > "$TOLD"
"""


def test_go_on_path_builds_into_the_cache_once(alone, monkeypatch):
    monkeypatch.setenv("TOLD", str(alone / "told"))
    monkeypatch.setenv("GOPROXY", "https://modules.example")
    program(alone / "bin" / "go", FAKE_GO.format(go="1.23.4", built=VERSION))
    steps = []
    built = get_toxiproxy(steps.append)
    assert built == alone / "cache" / "arbredis" / f"toxiproxy-{VERSION}" / "toxiproxy-server"
    told = (alone / "told").read_text()
    assert told.startswith("https://modules.example -modcacherw install -ldflags -X ")
    assert f"/cmd/server@v{VERSION}" in told
    assert sorted(path.name for path in built.parent.iterdir()) == ["build.lock", "toxiproxy-server"]
    assert steps
    assert get_toxiproxy(pytest.fail) == built


@pytest.mark.parametrize(
    ("go", "built", "why"),
    [("1.22.9", VERSION, "Go 1.22, older than 1.23"), ("1.23.0", "git", "calls itself git")],
    ids=["old-go", "no-version-flag"],
)
def test_what_failed_in_each_way_is_told_and_nothing_is_left(alone, monkeypatch, go, built, why):
    monkeypatch.setenv("TOLD", str(alone / "told"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(alone))
    monkeypatch.setenv("TMPDIR", str(alone / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (alone / "tmp").mkdir()
    program(alone / "bin" / "go", FAKE_GO.format(go=go, built=built))
    target = alone / "target" / "toxiproxy-server"
    with pytest.raises(MissingBinaryError, match=f"(?s){why}.*pip install.*failed with exit status"):
        build_toxiproxy(target, lambda _step: None)
    assert [path.name for path in target.parent.iterdir()] == ["build.lock"]
    assert not list((alone / "tmp").iterdir())
