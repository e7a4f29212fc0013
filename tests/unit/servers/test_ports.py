"""Slots of ports: exclusive, free, below the ephemeral range, and errors that name the culprit."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_arbredis.errors import HarnessError, PortTakenError, UsageError
from pytest_arbredis.servers.ports import claim, is_free, who_listens

LOCK_SCRIPT = """
from pytest_arbredis.servers.ports import claim
slot = claim(16, {first}, {last})
print(slot.first, flush=True)
input()
"""


@pytest.fixture
def free_range():
    """A range of 32 ports that nobody else claims during the test."""
    with claim(32) as slot:
        yield slot.first, slot.first + 31


@pytest.fixture
def wide_range():
    """A range of 256 ports that nobody else claims during the test."""
    with claim(256) as slot:
        yield slot.first, slot.first + 255


@pytest.fixture(autouse=True)
def lock_folder(free_range, wide_range, tmp_path, monkeypatch):  # noqa: ARG001 - claimed before
    """Lock files of the test's own, once its ranges are claimed among those of everybody."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path / "arbredis-ports"


@pytest.fixture
def listener():
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield sock


def test_a_slot_hands_out_its_ports_once_and_then_says_so(free_range):
    with claim(4, *free_range) as slot:
        assert [slot.take() for _ in range(4)] == list(range(slot.first, slot.first + 4))
        with pytest.raises(HarnessError, match=r"all 4 ports .* are handed out"):
            slot.take()


def test_slots_of_mixed_sizes_never_overlap(wide_range):
    slots = [claim(size, *wide_range) for size in (32, 7, 16, 32, 1, 20)]
    try:
        ports = [port for slot in slots for port in range(slot.first, slot.first + slot.size)]
        assert len(ports) == len(set(ports)) == 108
        assert max(ports) < 32768
    finally:
        for slot in slots:
            slot.release()


def test_a_released_slot_can_be_claimed_again(free_range):
    first = claim(32, *free_range)
    with pytest.raises(PortTakenError, match="claimed by another run"):
        claim(32, *free_range)
    first.release()
    first.release()
    with claim(32, *free_range) as again:
        assert again.first == first.first


def test_another_process_keeps_its_slot_until_it_dies(free_range, tmp_path):
    first, last = free_range
    script = LOCK_SCRIPT.format(first=first, last=last)
    other = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with other:
        theirs = int(other.stdout.readline())
        with claim(16, first, last) as ours:
            assert ours.first != theirs
            with pytest.raises(PortTakenError):
                claim(16, first, last)
        other.kill()
        other.wait()
        with claim(16, first, last), claim(16, first, last):
            pass


def test_a_slot_with_a_listener_is_passed_over_and_the_error_names_it(free_range, listener):
    port = free_range[0] + 5
    listener.bind(("127.0.0.1", port))
    listener.listen()
    with pytest.raises(PortTakenError) as caught:
        claim(32, *free_range)
    assert f"port {port}" in str(caught.value)
    assert "remedy" in str(caught.value)
    if sys.platform == "linux":
        assert f"pid {os.getpid()} (" in str(caught.value)
    with claim(16, *free_range) as slot:
        assert port not in range(slot.first, slot.first + 16)


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - a stranger may listen everywhere
def test_a_listening_socket_is_detected_whatever_its_address(free_range, listener, host):
    listener.bind((host, free_range[0]))
    listener.listen()
    assert not is_free(free_range[0])


def test_take_passes_over_a_port_that_was_taken_since(free_range, listener):
    with claim(32, *free_range) as slot:
        listener.bind(("127.0.0.1", slot.first))
        listener.listen()
        assert slot.take() == slot.first + 1


def test_time_wait_does_not_make_a_port_used(free_range, listener):
    port = free_range[0]
    listener.bind(("127.0.0.1", port))
    listener.listen()
    with socket.create_connection(("127.0.0.1", port)) as client:
        accepted, _ = listener.accept()
        accepted.close()  # the server's side closes first: TIME_WAIT is on our port
        assert client.recv(1) == b""
    listener.close()
    if sys.platform == "linux":
        table = Path("/proc/net/tcp").read_text()
        assert any(
            line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "06" for line in table.splitlines()[1:]
        )
    assert is_free(port)


@pytest.mark.skipif(sys.platform != "linux", reason="who_listens reads /proc")
def test_who_listens_names_pid_and_command(listener):
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    assert who_listens(listener.getsockname()[1]).startswith(f"pid {os.getpid()} (")


def test_who_listens_gives_none_for_a_port_without_listener(free_range):
    assert who_listens(free_range[0]) is None
    assert who_listens(-1) is None
    assert who_listens(10**9) is None


def test_lock_files_can_be_shared_by_all_users(lock_folder, free_range):
    umask = os.umask(0o077)
    try:
        claim(16, *free_range).release()
    finally:
        os.umask(umask)
    assert stat.S_IMODE(lock_folder.stat().st_mode) == 0o1777
    assert {stat.S_IMODE(path.stat().st_mode) for path in lock_folder.iterdir()} == {0o644}


def test_a_spoilt_shared_folder_gives_way_to_one_of_our_own(lock_folder, free_range):
    lock_folder.write_text("not a folder")
    claim(16, *free_range).release()
    assert list(lock_folder.with_name(f"arbredis-ports-{os.getuid()}").iterdir())


@pytest.mark.parametrize("wrong", [(0, 20000, 31999), (32, 20000, 20010), (32, 1, 2000), (32, 30000, 40000)])
def test_an_impossible_range_is_a_usage_error(wrong):
    with pytest.raises(UsageError, match="no slot of"):
        claim(*wrong)
