"""What a loss of power leaves of a server's files, by a ledger that is written by hand."""

from __future__ import annotations

import os

import pytest

from pytest_arbredis.errors import HarnessError, MissingBinaryError
from pytest_arbredis.servers import sync_ledger, sync_ledger_build
from pytest_arbredis.servers.launcher import ServerSpec
from pytest_arbredis.servers.power_cut import bytes_written, cut_power, unsynced


@pytest.fixture
def spec(tmp_path):
    """A server's directory with a ledger that is still empty."""
    (tmp_path / "library").write_bytes(b"")
    directory = tmp_path / "n0"
    directory.mkdir()
    env = dict(sync_ledger.prepare(directory, tmp_path / "library"))
    assert env["ARBREDIS_LEDGER"] == str(directory / sync_ledger.FOLDER)
    ledger_of(directory).write_text("B 1\n")
    return ServerSpec(name="n0", kind="redis", args=(), directory=directory, port=1)


def ledger_of(directory):
    return directory / sync_ledger.FOLDER / "ledger"


def synced(spec, path, *, size=None):
    """As the library notes it."""
    found = path.stat()
    with ledger_of(spec.directory).open("a") as ledger:
        if path.is_dir():
            names = "".join(f"E {sync_ledger.inode(one.stat())} {one.name}\n" for one in path.iterdir())
            ledger.write(f"D {path.resolve()}\n{names}.\n")
        else:
            ledger.write(f"F {sync_ledger.inode(found)} {found.st_size if size is None else size}\n")


def unlinked(spec, path):
    """As the library does it: what loses its name keeps another."""
    os.link(path, spec.directory / sync_ledger.FOLDER / "gone" / sync_ledger.inode(path.stat()))
    path.unlink()


def test_a_file_is_cut_to_what_was_synced_of_it(spec):
    file = spec.directory / "a.aof"
    file.write_bytes(b"0123456789")
    synced(spec, file, size=4)
    synced(spec, spec.directory)
    assert unsynced(spec) == ["a.aof (6 bytes)"]
    cut_power(spec)
    assert file.read_bytes() == b"0123"
    assert unsynced(spec) == []
    assert bytes_written(spec) == 4


def test_a_file_that_was_never_synced_is_empty_and_gone_where_its_name_was_not_synced_either(spec):
    named, unnamed = spec.directory / "named", spec.directory / "unnamed"
    named.write_bytes(b"123")
    synced(spec, spec.directory)
    unnamed.write_bytes(b"123")
    synced(spec, unnamed)
    assert sorted(unsynced(spec)) == ["named (3 bytes)", "unnamed (its name)"]
    cut_power(spec)
    assert named.read_bytes() == b""
    assert not unnamed.exists()


def test_a_rename_that_was_not_synced_is_undone(spec):
    old, new = spec.directory / "dump.rdb", spec.directory / "temp-1.rdb"
    old.write_bytes(b"old")
    synced(spec, old)
    synced(spec, spec.directory)
    new.write_bytes(b"new and longer")
    synced(spec, new)
    os.link(old, spec.directory / sync_ledger.FOLDER / "gone" / sync_ledger.inode(old.stat()))
    new.replace(old)
    cut_power(spec)
    assert old.read_bytes() == b"old"
    assert not new.exists()


def test_a_rename_that_was_synced_stays(spec):
    old, new = spec.directory / "dump.rdb", spec.directory / "temp-1.rdb"
    old.write_bytes(b"old")
    sync_ledger.age(spec.directory)
    new.write_bytes(b"new")
    synced(spec, new)
    new.replace(old)
    synced(spec, spec.directory)
    cut_power(spec)
    assert old.read_bytes() == b"new"


def test_a_file_under_a_new_name_that_was_not_synced_has_its_old_one(spec):
    (spec.directory / "before").write_bytes(b"1")
    sync_ledger.age(spec.directory)
    (spec.directory / "before").rename(spec.directory / "after")
    cut_power(spec)
    assert (spec.directory / "before").read_bytes() == b"1"
    assert not (spec.directory / "after").exists()


def test_what_was_removed_is_back_until_the_directory_is_synced(spec):
    first, second = spec.directory / "first", spec.directory / "second"
    first.write_bytes(b"1")
    second.write_bytes(b"2")
    sync_ledger.age(spec.directory)
    unlinked(spec, first)
    synced(spec, spec.directory)
    unlinked(spec, second)
    cut_power(spec)
    assert not first.exists()
    assert second.read_bytes() == b"2"


def test_what_somebody_else_removed_cannot_come_back(spec):
    (spec.directory / "file").write_bytes(b"1")
    sync_ledger.age(spec.directory)
    (spec.directory / "file").unlink()
    with pytest.raises(HarnessError, match=r"would bring back .*file, which was not kept"):
        cut_power(spec)


def test_a_directory_of_which_nothing_was_synced_is_gone(spec):
    sync_ledger.age(spec.directory)
    for name in ("one", "two"):
        (spec.directory / name).mkdir()
        (spec.directory / name / "file").write_bytes(b"1")
    synced(spec, spec.directory / "one" / "file")
    synced(spec, spec.directory / "one")
    synced(spec, spec.directory / "two" / "file")
    cut_power(spec)
    assert (spec.directory / "one" / "file").read_bytes() == b"1"
    assert not (spec.directory / "two").exists()


def test_what_was_there_at_the_start_is_synced_and_the_log_is_never_cut(spec):
    (spec.directory / "dir").mkdir()
    for path in (spec.directory / "file", spec.directory / "dir" / "file"):
        path.write_bytes(b"123")
    sync_ledger.age(spec.directory)
    (spec.directory / "n0.log").write_text("started")
    assert unsynced(spec) == []
    with (spec.directory / "dir" / "file").open("ab") as file:
        file.write(b"4")
    cut_power(spec)
    assert (spec.directory / "file").read_bytes() == (spec.directory / "dir" / "file").read_bytes() == b"123"
    assert (spec.directory / "n0.log").read_text() == "started"


def test_files_that_an_aged_disk_has_forgotten_are_not_kept_any_more(spec):
    (spec.directory / "file").write_bytes(b"1")
    unlinked(spec, spec.directory / "file")
    sync_ledger.age(spec.directory)
    assert list((spec.directory / sync_ledger.FOLDER / "gone").iterdir()) == []


def test_a_loss_of_power_after_another_takes_only_what_came_since(spec):
    file = spec.directory / "file"
    file.write_bytes(b"1234")
    sync_ledger.age(spec.directory)
    for more in (b"5", b"67"):
        with file.open("ab") as again:
            again.write(more)
        cut_power(spec)
        assert file.read_bytes() == b"1234"


@pytest.mark.parametrize(
    ("text", "sizes", "folders"),
    [
        ("F 1:2 30\nF 1:2 40\n", {"1:2": 40}, 0),
        ("F 1:2 30\nF 1:2 4", {"1:2": 30}, 0),
        ("F 1:2 30\nT 1:2 4\n", {"1:2": 4}, 0),
        ("T 1:2 4\n", {"1:2": 0}, 0),
        ("D /a b\nE 1:2 c d\n.\n", {}, 1),
        ("D /a\nE 1:2 c\n", {}, 0),
        ("", {}, 0),
    ],
)
def test_a_record_counts_when_it_is_whole(text, sizes, folders):
    found = sync_ledger.parse(text)
    assert found.sizes == sizes
    assert len(found.names) == folders


def test_names_may_have_blanks():
    ((path, names),) = sync_ledger.parse("D /a b\nE 1:2 c d\n.\n").names.items()
    assert (str(path), names) == ("/a b", {"c d": "1:2"})


def test_without_a_library_the_remedy_is_a_compiler_or_the_command(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sync_ledger_build.sys, "platform", "linux")
    monkeypatch.setattr(sync_ledger_build.shutil, "which", lambda name: f"/bin/{name}")
    with pytest.raises(MissingBinaryError) as missing:
        sync_ledger_build.find_library()
    assert missing.value.remedy == sync_ledger_build.REMEDY
    monkeypatch.setattr(sync_ledger_build.shutil, "which", lambda _: None)
    for find in (sync_ledger_build.find_library, lambda: sync_ledger_build.get_library(print)):
        with pytest.raises(MissingBinaryError) as missing:
            find()
        assert "gcc" in missing.value.remedy
    monkeypatch.setattr(sync_ledger_build.sys, "platform", "darwin")
    with pytest.raises(MissingBinaryError, match="on Linux only"):
        sync_ledger_build.find_library()
