"""The preloaded library notes what a program syncs, and nothing else; a delay of it is felt, and over at once."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from pytest_arbredis._clock import wait_until
from pytest_arbredis.errors import MissingBinaryError
from pytest_arbredis.servers import sync_ledger
from pytest_arbredis.servers.sync_ledger_build import get_library


@pytest.fixture
def directory(tmp_path):
    """Where a program keeps its ledger."""
    try:
        library = get_library(print)
    except MissingBinaryError as error:
        pytest.skip(str(error))
    where = tmp_path / "n0"
    where.mkdir()
    sync_ledger.prepare(where, library)
    return where


def started(directory, program):
    env = {
        "LD_PRELOAD": str(directory / sync_ledger.FOLDER / sync_ledger.LIBRARY),
        "ARBREDIS_LEDGER": str(directory / sync_ledger.FOLDER),
    }
    return subprocess.Popen([sys.executable, "-S", "-c", f"import os\n{program}"], cwd=directory, env=env)


def run(directory, program):
    assert started(directory, program).wait(20) == 0
    return sync_ledger.read(directory)


def key(path):
    return sync_ledger.inode(path.stat())


def test_the_size_is_that_from_before_the_sync(directory):
    found = run(
        directory,
        "f = os.open('f', os.O_CREAT | os.O_WRONLY)\n"
        "os.write(f, b'12'); os.fsync(f); os.write(f, b'345'); os.fdatasync(f); os.write(f, b'6789')",
    )
    assert found.loads == 1
    assert found.sizes == {key(directory / "f"): 5}
    assert found.names == {}


def test_names_are_synced_with_their_directory(directory):
    found = run(
        directory,
        "open('one', 'w'); os.mkdir('inner'); d = os.open('.', os.O_RDONLY); os.fsync(d); open('two', 'w')",
    )
    (names,) = found.names.values()
    assert {"one", "inner", sync_ledger.FOLDER} <= set(names)
    assert "two" not in names
    assert names["one"] == key(directory / "one")


def test_a_directory_of_many_names_is_noted_whole(directory):
    found = run(directory, "[open(f'file {n}', 'w') for n in range(1000)]; d = os.open('.', os.O_RDONLY); os.fsync(d)")
    (names,) = found.names.values()
    assert {f"file {n}" for n in range(1000)} <= set(names)


def test_a_file_that_is_cut_is_synced_to_no_more(directory):
    found = run(
        directory,
        "f = os.open('f', os.O_CREAT | os.O_WRONLY); os.write(f, b'12345'); os.fsync(f)\n"
        "os.ftruncate(f, 3); os.write(f, b'678')",
    )
    assert found.sizes == {key(directory / "f"): 3}
    assert run(directory, "os.truncate('f', 1)").sizes == {key(directory / "f"): 1}


def test_what_loses_its_name_is_kept(directory):
    for name in ("removed", "replaced"):
        (directory / name).write_text(name)
    keys = {name: key(directory / name) for name in ("removed", "replaced")}
    run(directory, "os.unlink('removed'); open('new', 'w').write('new'); os.rename('new', 'replaced')")
    gone = directory / sync_ledger.FOLDER / "gone"
    assert {name: (gone / keys[name]).read_text() for name in keys} == {"removed": "removed", "replaced": "replaced"}
    assert (directory / "replaced").read_text() == "new"


def test_errors_are_those_of_the_kernel(directory):
    run(
        directory,
        "import errno\n"
        "for call in (lambda: os.fsync(99), lambda: os.unlink('none'), lambda: os.rename('none', 'x'),\n"
        "             lambda: os.truncate('none', 1)):\n"
        "    try: call()\n"
        "    except OSError as error: assert error.errno in (errno.EBADF, errno.ENOENT), error\n"
        "    else: raise AssertionError",
    )


def test_a_delay_is_felt_and_taken_back_at_once(directory):
    sync_ledger.set_delay(directory, us=30_000_000)
    began = time.monotonic()
    program = started(
        directory, "f = os.open('f', os.O_CREAT | os.O_WRONLY); os.write(f, b'1'); open('syncing', 'w'); os.fsync(f)"
    )
    try:
        wait_until((directory / "syncing").exists, within_s=10, what="a sync")
        with pytest.raises(subprocess.TimeoutExpired):
            program.wait(0.2)
        assert sync_ledger.read(directory).sizes == {}
        sync_ledger.set_delay(directory, us=0)
        assert program.wait(5) == 0
    finally:
        program.kill()
        program.wait()
    assert time.monotonic() - began < 20
    assert sync_ledger.read(directory).sizes == {key(directory / "f"): 1}
