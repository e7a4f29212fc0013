from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest

from pytest_arbredis.errors import HarnessError
from pytest_arbredis.report import html
from pytest_arbredis.report.folder import RunFolder, runs_dir
from pytest_arbredis.report.prune import MARKER, is_running, prune


def ended(runs, name: str, *, verdict: str | None = "valid", size: int = 0):
    """The folder of a run that is over."""
    path = runs / name
    path.mkdir(parents=True)
    (path / MARKER).touch()
    if verdict is not None:
        (path / "result.json").write_bytes(orjson.dumps({"verdict": verdict}))
    (path / "history.jsonl").write_bytes(b"x" * size)
    return path


def left(runs) -> list[str]:
    return sorted(path.name for path in runs.iterdir() if (path / MARKER).exists() and not path.is_symlink())


def test_runs_lie_below_the_root_unless_configured(tmp_path):
    assert runs_dir(tmp_path) == tmp_path / ".arbredis" / "runs"
    assert runs_dir(tmp_path, "mine") == tmp_path / "mine"
    assert runs_dir(tmp_path, "/elsewhere").as_posix() == "/elsewhere"


def test_a_folder_is_named_after_its_run_and_has_a_place_for_logs(tmp_path):
    with RunFolder.create(runs_dir(tmp_path), scenario="a/b c", seed=7, worker="gw1") as folder:
        assert folder.path.name.endswith("-a_b_c-7-gw1")
        assert folder.logs.is_dir()
        assert folder.history_path.parent == folder.path
    assert (tmp_path / ".arbredis" / ".gitignore").read_text() == "*\n"


@pytest.mark.parametrize("scenario", ["../../etc", "..", "", "\x00\n/", "x" * 500])
def test_a_scenario_name_cannot_lead_out_of_the_folder(tmp_path, scenario):
    runs = runs_dir(tmp_path)
    with RunFolder.create(runs, scenario=scenario, seed=1) as folder:
        assert folder.path.parent == runs


def test_simultaneous_runs_get_folders_of_their_own(tmp_path):
    runs = runs_dir(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        folders = list(pool.map(lambda _: RunFolder.create(runs, scenario="s", seed=1), range(40)))
    assert len({folder.path for folder in folders}) == 40
    assert (runs / "latest").resolve() in {folder.path.resolve() for folder in folders}
    for folder in folders:
        folder.close()
    assert not [path for path in runs.iterdir() if path.name.startswith(".latest")]


def test_latest_points_to_the_last_run(tmp_path):
    runs = runs_dir(tmp_path)
    for seed in (1, 2):
        with RunFolder.create(runs, scenario="s", seed=seed) as folder:
            assert (runs / "latest").readlink().name == folder.path.name


def test_a_folder_that_somebody_called_latest_is_left_alone(tmp_path):
    runs = runs_dir(tmp_path)
    (runs / "latest").mkdir(parents=True)
    with RunFolder.create(runs, scenario="s", seed=1):
        assert (runs / "latest").is_dir()
        assert not (runs / "latest").is_symlink()


def test_a_result_is_written_with_its_report_and_schedule(tmp_path, invalid_run):
    with RunFolder.create(runs_dir(tmp_path), scenario="s", seed=1) as folder:
        assert folder.write(invalid_run, schedule="print('again')\n") == ()
        content = orjson.loads((folder.path / "result.json").read_bytes())
        assert content["folder"] == str(folder.path)
        assert str(folder.path) in (folder.path / "report.html").read_text()
        assert (folder.path / "schedule.py").read_text() == "print('again')\n"
        assert not (folder.path / "report.txt").exists()


def test_without_jinja2_there_is_text_and_json_and_a_remark(tmp_path, invalid_run, monkeypatch):
    monkeypatch.setattr(html, "find_spec", lambda _: None)
    with RunFolder.create(runs_dir(tmp_path), scenario="s", seed=1) as folder:
        (remark,) = folder.write(invalid_run)
        assert "pip install 'pytest-arbredis[report]'" in remark
        assert not (folder.path / "report.html").exists()
        assert (folder.path / "report.txt").read_text().startswith("acknowledged_writes_survive: 14 of 3021")
        assert (folder.path / "result.json").exists()


def test_a_place_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HarnessError, match="--arbredis-runs-dir"):
        RunFolder.create(tmp_path / "file" / "runs", scenario="s", seed=1)


def test_a_folder_of_the_users_own_is_not_hidden_from_version_control(tmp_path):
    with RunFolder.create(tmp_path, scenario="s", seed=1):
        assert not (tmp_path / ".gitignore").exists()
    with RunFolder.create(tmp_path / "new", scenario="s", seed=1):
        assert (tmp_path / "new" / ".gitignore").read_text() == "*\n"


def test_the_last_ten_and_all_failures_are_kept(tmp_path):
    for number in range(10, 30):
        ended(tmp_path, f"{number}")
    ended(tmp_path, "01", verdict="invalid")
    ended(tmp_path, "02", verdict="unknown")
    ended(tmp_path, "03", verdict=None)
    prune(tmp_path)
    assert left(tmp_path) == ["01", "02", "03", *(str(number) for number in range(20, 30))]


def test_beyond_the_limit_passed_runs_go_first_and_then_the_oldest_failures(tmp_path):
    ended(tmp_path, "1", verdict="invalid", size=1000)
    ended(tmp_path, "2", verdict="invalid", size=1000)
    ended(tmp_path, "3", size=1000)
    ended(tmp_path, "4", size=1000)
    assert [path.name for path in prune(tmp_path, keep_bytes=2500)] == ["3", "1"]
    assert left(tmp_path) == ["2", "4"]
    prune(tmp_path, keep_bytes=1)
    assert left(tmp_path) == ["4"]


def test_folders_that_are_not_ours_are_never_removed(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "result.json").write_bytes(b'{"verdict": "valid"}')
    prune(tmp_path, keep_last=0, keep_bytes=0)
    assert (tmp_path / "photos" / "result.json").exists()


def test_a_running_run_is_never_removed(tmp_path):
    folder = RunFolder.create(tmp_path, scenario="s", seed=1)
    (folder.path / "result.json").write_bytes(b'{"verdict": "valid"}')
    for number in range(1, 12):
        ended(tmp_path, f"9{number:02}")
    prune(tmp_path, keep_bytes=0)
    assert folder.path.exists()
    assert is_running(folder.path)
    folder.close()
    folder.close()
    assert not is_running(folder.path) or not folder.path.exists()
    prune(tmp_path, keep_bytes=0)
    assert not folder.path.exists()


def test_the_folder_of_a_killed_run_is_kept_as_a_failure_and_no_longer_held(tmp_path):
    code = (
        "import os, pathlib, signal; from pytest_arbredis.report.folder import RunFolder;"
        f"f = RunFolder.create(pathlib.Path({str(tmp_path)!r}), scenario='s', seed=1);"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, timeout=60)
    assert done.returncode == -9
    (name,) = left(tmp_path)
    assert not is_running(tmp_path / name)
    prune(tmp_path, keep_last=0)
    assert left(tmp_path) == [name]
