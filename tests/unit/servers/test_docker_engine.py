"""Looking at a Docker engine and sweeping it, against one that is scripted here; nobody needs Docker for that."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pytest_arbredis.errors import EngineUnreachableError, HarnessError, MissingImageError
from pytest_arbredis.servers import images, sweep
from pytest_arbredis.servers.images import EngineInfo, Reason, engine, engine_host
from pytest_arbredis.servers.owners import OWNER, PID, PLACE, STARTED, owner_is_gone, owner_labels, process_start
from pytest_arbredis.servers.sweep import EngineRefusalError, list_containers, remove_containers


class FakeEngine(socketserver.ThreadingUnixStreamServer):
    """An engine with these images and containers (id → labels); `refusing` maps ids to the status of a removal."""

    daemon_threads = True

    def __init__(self, path):
        self.images: set[str] = set()
        self.containers: dict[str, dict[str, str]] = {}
        self.refusing: dict[str, int] = {}
        self.asked: list[str] = []
        super().__init__(str(path), Answering)
        self.host = f"unix://{path}"


class Answering(BaseHTTPRequestHandler):
    def log_message(self, *_):
        """Not to stderr; a unix socket has no client address to log."""

    def do_GET(self):
        url = urlsplit(self.path)
        self.server.asked.append(f"GET {url.path}")
        if url.path == "/info":
            self.answer(200, {"ID": "ENGINE", "ServerVersion": "20.10"})
        elif url.path == "/containers/json":
            query = parse_qs(url.query)
            assert query["all"] == ["1"], "stopped and merely created ones too"
            (label,) = json.loads(query["filters"][0])["label"]
            name, _, value = label.partition("=")
            found = [
                {"Id": key, "Labels": labels}
                for key, labels in self.server.containers.items()
                if name in labels and value in ("", labels[name])
            ]
            self.answer(200, found)
        elif url.path.startswith("/images/"):
            name = unquote(url.path.removeprefix("/images/").removesuffix("/json"))
            known = name in self.server.images
            self.answer(*((200, {"Id": name}) if known else (404, {"message": f"No such image: {name}"})))

    def do_POST(self):
        self.server.asked.append(f"POST {self.path}")
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(500, {"message": "no container today"})

    def do_DELETE(self):
        url = urlsplit(self.path)
        key = url.path.rpartition("/")[2]
        assert parse_qs(url.query) == {"force": ["1"], "v": ["1"]}
        status = self.server.refusing.get(key, 204)
        if status == 204:
            del self.server.containers[key]
        self.answer(status, None if status == 204 else {"message": f"no to {key}"})

    def answer(self, status, body):
        content = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A scripted engine which is the one that the environment names, in an empty home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with FakeEngine(tmp_path / "docker.sock") as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("DOCKER_HOST", server.host)
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def reached(monkeypatch):
    """Every host network is reached; which image was tried is kept."""
    tried = []
    monkeypatch.setattr(images, "_network_obstacle", lambda _host, _id, image: tried.append(image) or "")
    return tried


def test_containers_with_the_label_are_removed_and_counted(fake):
    fake.containers = {"a": {OWNER: "me"}, "b": {OWNER: "me"}, "c": {OWNER: "other"}, "d": {}}
    assert remove_containers(fake.host, f"{OWNER}=me") == 2
    assert fake.containers.keys() == {"c", "d"}
    assert remove_containers(fake.host, f"{OWNER}=me") == 0


def test_a_container_that_is_gone_or_going_is_no_failure(fake):
    fake.containers = {"a": {OWNER: "me"}, "b": {OWNER: "me"}}
    fake.refusing = {"a": 404, "b": 409}
    assert remove_containers(fake.host, f"{OWNER}=me") == 2


def test_a_container_that_stays_is_a_failure_and_the_others_go_all_the_same(fake):
    fake.containers = {key: {OWNER: "me"} for key in "abc"}
    fake.refusing = {"b": 500}
    with pytest.raises(EngineRefusalError, match="HTTP 500: no to b"):
        remove_containers(fake.host, f"{OWNER}=me")
    assert fake.containers.keys() == {"b"}


def test_the_sweep_works_without_site_packages_and_without_the_package(fake):
    fake.containers = {"a": {OWNER: "me"}}
    code = (
        "import sys; from importlib.util import module_from_spec, spec_from_file_location as of;"
        "spec = of('sweep', sys.argv[1]); module = module_from_spec(spec); spec.loader.exec_module(module);"
        "print(module.remove_containers(sys.argv[2], sys.argv[3]))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, sweep.__file__, fake.host, f"{OWNER}=me"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert done.stdout.strip() == "1"
    assert not fake.containers


def test_an_address_that_needs_tls_or_ssh_is_refused_by_name():
    with pytest.raises(ValueError, match="ssh://somewhere"):
        list_containers("ssh://somewhere", OWNER)


def test_our_images_are_preferred_and_the_official_ones_do(fake, reached):
    fake.images = {"redis:latest", "ghcr.io/shopify/toxiproxy:2.12.0"}
    found = engine()
    assert isinstance(found, EngineInfo)
    assert (found.host, found.id, found.version) == (fake.host, "ENGINE", "20.10")
    official = "ghcr.io/shopify/toxiproxy:2.12.0"
    assert found.images == {"redis": "redis:latest", "sentinel": "redis:latest", "toxiproxy": official}
    fake.images |= {"arbredis/redis:latest", "arbredis/toxiproxy:latest"}
    ours = engine()
    assert isinstance(ours, EngineInfo)
    assert ours.images["redis"] == ours.images["sentinel"] == "arbredis/redis:latest"
    assert reached == ["ghcr.io/shopify/toxiproxy:2.12.0", "arbredis/toxiproxy:latest"]


@pytest.mark.usefixtures("reached")
def test_an_explicit_image_is_the_only_one_looked_for(fake):
    fake.images = {"arbredis/redis:latest", "arbredis/toxiproxy:latest", "registry.example:5000/redis@sha256:12"}
    found = engine(redis_image="registry.example:5000/redis@sha256:12")
    assert isinstance(found, EngineInfo)
    assert found.images["redis"] == "registry.example:5000/redis@sha256:12"
    lacking = engine(redis_image="redis:8")
    assert isinstance(lacking, Reason)
    assert "no image redis:8" in lacking.cause


def test_missing_images_are_all_named_with_the_command_that_helps(fake):
    found = engine()
    assert isinstance(found, Reason)
    error = found.error()
    assert isinstance(error, MissingImageError)
    assert "arbredis/redis:latest" in error.cause
    assert "arbredis/toxiproxy:latest" in error.cause
    assert "docker/build" in error.remedy
    assert not [asked for asked in fake.asked if not asked.startswith("GET")], "nothing was pulled or created"


def test_no_engine_is_told_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    found = engine()
    assert isinstance(found, Reason)
    assert isinstance(found.error(), EngineUnreachableError)
    assert "nobody.sock" in found.cause


def test_an_engine_that_hangs_is_given_up_at_the_deadline(tmp_path, monkeypatch):
    path = tmp_path / "hangs.sock"
    monkeypatch.setenv("DOCKER_HOST", f"unix://{path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        began = time.monotonic()
        found = engine(deadline_s=0.2)
        assert time.monotonic() - began < 2
    assert isinstance(found, Reason)
    assert found.lack == "engine"
    assert "within 0.2 s" in found.cause


def test_an_engine_elsewhere_has_no_host_network_here(fake, monkeypatch):
    fake.images = {"arbredis/redis:latest", "arbredis/toxiproxy:latest"}
    answers = {"/info": {"ID": "E", "ServerVersion": "1"}}
    monkeypatch.setenv("DOCKER_HOST", "tcp://engine.example:2375")
    monkeypatch.setattr(images, "ask", lambda _host, _method, path, **_: answers.get(path, {}))
    found = engine()
    assert isinstance(found, Reason)
    assert found.lack == "network"
    assert type(found.error()) is HarnessError
    assert "engine.example" in found.cause


def test_a_container_that_cannot_be_run_is_the_reason(fake):
    """The scripted engine creates no containers: the trial fails, is told, and is not remembered."""
    fake.images = {"arbredis/redis:latest", "arbredis/toxiproxy:latest"}
    found = engine()
    assert isinstance(found, Reason)
    assert found.lack == "network"
    assert "is not reached from here: HTTP 500: no container today" in found.cause
    assert not list(Path(os.environ["XDG_CACHE_HOME"]).rglob("host-network-*"))


def test_the_engine_is_the_one_that_docker_would_use(tmp_path, monkeypatch):
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert engine_host() == "unix:///var/run/docker.sock"
    context = tmp_path / ".docker" / "contexts" / "meta"
    folder = context / hashlib.sha256(b"mine").hexdigest()
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(json.dumps({"Endpoints": {"docker": {"Host": "unix:///mine.sock"}}}))
    (tmp_path / ".docker" / "config.json").write_text(json.dumps({"currentContext": "mine"}))
    assert engine_host() == "unix:///mine.sock"
    monkeypatch.setenv("DOCKER_HOST", "unix:///environment.sock")
    assert engine_host() == "unix:///environment.sock"
    (tmp_path / ".testcontainers.properties").write_text("# of testcontainers\ntc.host = unix:///properties.sock\n")
    assert engine_host() == "unix:///properties.sock"


def test_a_running_owner_is_not_gone():
    assert owner_labels("n")[OWNER] == "n"
    assert not owner_is_gone(owner_labels("n"))


def test_an_owner_that_ended_or_whose_pid_is_another_process_now_is_gone():
    mine = owner_labels("n")
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = mine | {PID: str(process.pid), STARTED: process_start(process.pid)}
    assert not owner_is_gone(theirs)
    assert owner_is_gone(theirs | {STARTED: "an earlier start"})
    process.communicate(b"\n")
    assert owner_is_gone(theirs)


@pytest.mark.parametrize("change", [{PLACE: "another machine"}, {PID: ""}, {PID: "many"}, {STARTED: ""}], ids=str)
def test_an_owner_that_cannot_be_judged_from_here_is_left_alone(change):
    gone = owner_labels("n") | {PID: "4194305"}
    assert owner_is_gone(gone), "no pid is that large"
    assert not owner_is_gone(gone | change)
