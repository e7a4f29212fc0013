"""One JSON line there and one back: answers, refusals, deadlines, and strangers who speak something else."""

from __future__ import annotations

import socket
import stat
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pytest_arbredis.errors import HarnessError, UsageError
from pytest_arbredis.gameday.channel import LONGEST_LINE, READ_WITHIN_S, Service, ask


@pytest.fixture
def place():
    """A folder with a path that is short enough for a socket."""
    with TemporaryDirectory(prefix="gd") as folder:
        yield Path(folder) / "socket"


def answer(request):
    if request["do"] == "usage":
        raise UsageError("wrong", remedy="mend it")
    if request["do"] == "harness":
        raise HarnessError("broken", remedy="wait")
    if request["do"] == "bug":
        raise RuntimeError("planted")
    return {"asked": request["do"], "within_s": request["within_s"]}


def say(place, data):
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(5)
        channel.connect(str(place))
        channel.sendall(data)
        channel.shutdown(socket.SHUT_WR)
        try:
            return channel.makefile("rb").read()
        except ConnectionResetError:  # it did not care to read all of it
            return b""


def test_what_is_asked_is_answered_and_what_is_raised_is_raised_again(place):
    with Service(place, answer):
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert ask(place, {"do": "x"}, within_s=5) == {"asked": "x", "within_s": 5}
        with pytest.raises(UsageError) as usage:
            ask(place, {"do": "usage"}, within_s=5)
        assert (usage.value.cause, usage.value.remedy) == ("wrong", "mend it")
        with pytest.raises(HarnessError, match=r"broken\n  remedy: wait"):
            ask(place, {"do": "harness"}, within_s=5)
        with pytest.raises(HarnessError, match="RuntimeError: planted"):
            ask(place, {"do": "bug"}, within_s=5)
    assert not place.exists()
    with pytest.raises(HarnessError, match="went away"):
        ask(place, {"do": "x"}, within_s=5)


def test_what_is_no_request_is_refused_and_harms_nobody(place):
    with Service(place, answer):
        assert b"no JSON" in say(place, b"GET / HTTP/1.1\n")
        assert b"no JSON object" in say(place, b"[1]\n")
        assert say(place, b"") == b""
        assert say(place, b"x" * (LONGEST_LINE + 1)) == b""
        assert ask(place, {"do": "x"}, within_s=5)["asked"] == "x"


def test_an_answer_that_does_not_come_ends_at_its_deadline_and_others_are_answered(place):
    released = threading.Event()

    def slow(request):
        if request["do"] == "slow":
            released.wait(10)
        return {}

    with Service(place, slow), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(place))  # connects, and never says anything: it is let go after a while
        with pytest.raises(HarnessError, match="did not answer within 0 s"):
            ask(place, {"do": "slow"}, within_s=0.1)
        assert ask(place, {"do": "quick"}, within_s=READ_WITHIN_S / 2) == {}
        released.set()


def test_a_path_that_no_socket_can_have_is_told(tmp_path):
    with pytest.raises(UsageError, match="too long for a socket"):
        Service(tmp_path / ("x" * 100), answer)
    with pytest.raises(HarnessError, match="cannot be listened on"):
        Service(Path("/nowhere/socket"), answer)
